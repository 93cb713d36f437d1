"""Where the YAML files lie: beside the package in a checkout, inside it when installed."""

from pathlib import Path

_INSIDE = Path(__file__).parent / "conf"
CONF = str(_INSIDE if _INSIDE.is_dir() else Path(__file__).parents[1] / "conf")
