"""Where files are: the YAML beside the package in a checkout, inside it when installed; a backbone's folder."""

import re
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_INSIDE = _PACKAGE / "conf"
CONF = str(_INSIDE if _INSIDE.is_dir() else _PACKAGE.parent / "conf")
COMMIT = re.compile("[0-9a-f]{40}")


def name_of(path: str | Path) -> str:
    """What a folder's backbone is called: as the folder, or its repository in the hub's cache."""
    place = Path(path).resolve()
    if place.parent.name == "snapshots" and COMMIT.fullmatch(place.name):
        return place.parents[1].name.removeprefix("models--").replace("--", "/")
    return place.name
