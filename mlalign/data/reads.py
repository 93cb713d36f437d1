"""How much of the parallel text a system sees, as results and tables say it."""

from collections.abc import Set

PARALLEL = "parallel text"  # which sentences translate each other
SIDES = "sides of the parallel text"  # of all languages, unpaired
PIVOT_SIDE = "one side of the parallel text"  # the pivot's, usually English


def without_lesser(reads: Set[str]) -> set[str]:
    """What a system reads, less what is a part of something else there."""
    most = next((one for one in (PARALLEL, SIDES) if one in reads), PIVOT_SIDE)
    return set(reads) - {PARALLEL, SIDES, PIVOT_SIDE} | ({most} & reads)
