"""Every file in conf/method trains, whatever is in it."""

from pathlib import Path

import pytest
from training.toy import CONF, batches, built, configured, fitted, state

from mlalign.config.validation import present

METHODS = sorted(path.stem for path in (Path(CONF) / "method").glob("*.yaml"))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_trains(toy, tmp_path, name):
    config = configured(toy, f"method={name}")
    assert config.method.name == name
    if not present(config.losses):
        return
    module, data = built(toy, f"method={name}")
    before = state(module.encoder)
    fitted(module, batches(data, 2), tmp_path)
    module.divergence.check()
    moved = [one for one, value in module.encoder.state_dict().items() if not value.equal(before[one])]
    assert moved
    assert all(value.isfinite().all() for value in module.state_dict().values() if value.is_floating_point())


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_its_row_in_the_docs(name):
    docs = [Path(CONF).parent / "docs" / page for page in ("configuration.md", "systems.md")]
    assert any(f"`{name}`" in page.read_text(encoding="utf-8") for page in docs)
