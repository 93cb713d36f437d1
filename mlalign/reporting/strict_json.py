"""JSON as its standard has it: without the NaN and Infinity that Python writes and reads."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import NoReturn

from mlalign.files import Json


def dumps(value: object, *, indent: int | None = None) -> str:
    """As text.

    Raises:
        ValueError: a number in it is not finite.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def loads(text: str) -> Json:
    """From text.

    Raises:
        ValueError: it is no JSON, or holds NaN or Infinity.
    """
    return json.loads(text, parse_constant=_refuse)


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


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"{token} is no number of JSON")
