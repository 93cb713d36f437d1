"""Numbers of a price as people say them."""

from collections.abc import Mapping

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def duration(seconds: float) -> str:
    """As ``40 s``, ``12 min`` or ``1.3 h``."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s" if seconds >= 1 or not seconds else "1 s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 100 * HOUR else f"{seconds / HOUR:,.0f} h"


def size(number: float) -> str:
    """Bytes, as ``14 GiB`` or ``350 MiB``."""
    mebibytes = number / 2**20
    if mebibytes < 1000:
        return f"{mebibytes:.0f} MiB" if mebibytes >= 1 else f"{number / 2**10:.0f} KiB"
    return f"{mebibytes / 1024:.1f} GiB" if mebibytes < 99 * 1024 else f"{mebibytes / 1024:,.0f} GiB"


def amount(number: float) -> str:
    """A count as ``4.2e15``, or in full where that is short."""
    return f"{number:,.0f}" if number < 1e6 else f"{number:.1e}".replace("e+0", "e").replace("e+", "e")


def counted(numbers: Mapping[str, int]) -> str:
    """Language -> how many, as ``de 1,000, fr 2,000``."""
    return ", ".join(f"{name} {number:,}" for name, number in numbers.items())
