"""JSON as its standard has it, written: without the NaN and Infinity of Python; ``data.text.parse_json`` reads it."""

import json
import math
from collections.abc import Iterator, Mapping


def dumps(value: object, *, indent: int | None = None) -> str:
    """As text.

    Raises:
        ValueError: a number in it is not finite.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def not_finite(node: object, name: str = "") -> Iterator[str]:
    """Full keys and values of the numbers that are not finite."""
    if isinstance(node, float) and not math.isfinite(node):
        yield f"{name}={node}"
    elif isinstance(node, Mapping):
        for key, child in node.items():
            yield from not_finite(child, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list | tuple):
        for place, child in enumerate(node):
            yield from not_finite(child, f"{name}[{place}]")
