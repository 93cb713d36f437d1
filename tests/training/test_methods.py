"""Every file in conf/method trains, whatever is in it."""

from pathlib import Path

import pytest
from training.toy import CONF, batches, built, configured, fitted, state

from mlalign.config.identity import run_name
from mlalign.config.plain import container
from mlalign.config.recipes import origin
from mlalign.config.validation import present
from mlalign.errors import ConfigError

METHODS = sorted(path.stem for path in (Path(CONF) / "method").glob("*.yaml"))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_trains(toy, tmp_path, name):
    config = configured(toy, f"method={name}")
    assert config.method.name == name
    is_published = config.method.publication is not None and name != "laser"  # whose encoder is none of the toy's
    assert origin(container(config)) == ("published" if is_published else "own")
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


# Methods with a tuning of their own


def test_the_tuning_of_a_method_goes_with_those_that_are_typed(toy):
    own = configured(toy, "method=language_adversary", "tuning.language_adversary.weight=2")
    assert own.tuning["language_adversary"]["weight"] == 2
    assert run_name(own, {}).startswith("tiny-language_adversary-seed1-")
    both = configured(toy, "method=language_adversary", "tuning=xero_align")
    assert run_name(both, {}).startswith("tiny-language_adversary+xero_align-seed1-")
    twice = configured(toy, "method=language_adversary", "tuning=language_adversary")
    assert run_name(twice, {}) == run_name(configured(toy, "method=language_adversary"), {})
    without = configured(toy, "method=ppa", "tuning.code_switch=null")
    assert run_name(without, {}).startswith("tiny-ppa-seed1-")


def test_a_method_that_is_its_tuning_is_nothing_without_it(toy):
    with pytest.raises(ConfigError, match=r"tuning\.language_adversary=null takes away all.*method=none"):
        configured(toy, "method=language_adversary", "tuning.language_adversary=null")
