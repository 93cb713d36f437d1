"""Which runs were made by different code."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mlalign.reporting.results import CodeHashes, Results
from mlalign.reporting.runs import Run

PARTS = {"mlalign": "mlalign/", "conf": "conf/", "constraints": "constraints.txt"}
SHOWN = 12  # hexadecimal digits of a hash
Code = tuple[tuple[str, str], ...]  # part -> hash, or the commit alone where no hash is known


def mixed_code(runs: Sequence[Run]) -> str:
    """Which groups of runs were made by different code, and in what it differs; empty if by one.

    What made a run also made its alignment, and what scored a run again need not be what made it.
    Results without hashes count as their commit.
    """
    made: dict[str, dict[Code, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for stage, code in _stages(run.results):
            made[stage][code].append(run)
    found = [_described(stage, groups) for stage, groups in made.items() if len(groups) > 1]
    return "; ".join(found)


def _stages(results: Results) -> Iterator[tuple[str, Code]]:
    yield "made", _code(results.code, results.commit)
    if results.alignment_code:
        yield "made", _code(results.alignment_code, None)
    if results.evaluation_of is not None:
        yield "scored again", _code(results.evaluation_code, results.commit)


def _code(hashes: CodeHashes | None, commit: str | None) -> Code:
    if hashes is None:
        return (("commit", commit or "unknown"),)
    return tuple((part, hashes.get(part) or "not there") for part in PARTS)


def _described(stage: str, groups: dict[Code, list[Run]]) -> str:
    names = list(dict.fromkeys(part for code in groups for part, _ in code))
    differing = [name for name in names if len({dict(code).get(name) for code in groups}) > 1]
    parts = []
    for code, runs in groups.items():
        what = ", ".join(_short(part, one) for part, one in code if part in differing)
        parts.append(f"{len({run.folder for run in runs})} such as {runs[0].folder} ({what})")
    return f"runs were {stage} by different code: {', '.join(parts)}"


def _short(part: str, code: str) -> str:
    """Part and hash, with the sign that a commit has where files differed from it."""
    return f"{PARTS.get(part, part)} {code[:SHOWN]}{'+' * code.endswith('+')}"
