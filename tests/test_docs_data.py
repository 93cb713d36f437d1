"""docs/data.md tells of every task and every corpus where it comes from."""

import re
from pathlib import Path

import pytest

from mlalign.config.folder import CONF

TEXT = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
NAMES = [path.stem for group in ("task", "corpus") for path in (Path(CONF) / group).glob("*.yaml")]


@pytest.mark.parametrize("name", NAMES)
def test_every_data_set_has_a_row(name):
    assert re.search(rf"^\| `{name}` \|( [^|]+ \|){{3,4}}$", TEXT, flags=re.MULTILINE)
