"""Where the YAML files lie: beside the package in a checkout, inside it when installed."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_INSIDE = _PACKAGE / "conf"
CONF = str(_INSIDE if _INSIDE.is_dir() else _PACKAGE.parent / "conf")
