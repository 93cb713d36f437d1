"""A sweep's folder, found again by the same command, and what became of its runs."""

import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlalign.config.failures import FAILED, Failure, described, read_failures
from mlalign.config.identity import affects_nothing, fingerprint
from mlalign.config.renamed import key_of
from mlalign.errors import UserError
from mlalign.files import EVALUATIONS, RESULTS

HOME = "multirun"
FLAGS = ("-m", "--multirun", "hydra.mode=MULTIRUN")
FOLDER = "hydra.sweep.dir="
LONGEST = 60  # letters of a name that are for readers


@dataclass(frozen=True)
class Sweep:
    """The runs of one command."""

    folder: Path
    name: str  # of what varies, with a fingerprint of all that was typed
    varied: tuple[str, ...]  # keys of what varies

    def failure(self, error: Exception, number: int, overrides: Sequence[str]) -> Failure:
        """What is to be known of a run that failed."""
        own = [word for word in overrides if word.partition("=")[0] in self.varied]
        trace = None if isinstance(error, UserError) else "".join(traceback.format_exception(error))
        return Failure(self.name, number, " ".join(own or overrides), list(overrides), described(error), trace)

    def refused(self, overrides: Sequence[str]) -> Path:
        """The folder for the failure of a run that has none of its own."""
        return self.folder / "refused" / fingerprint(sorted(overrides))[:8]

    @cached_property
    def failures(self) -> list[Failure]:
        """Of this sweep when it has ended; others may have put their runs into the same folder."""
        return [failure for failure in read_failures(self.folder) if failure.sweep == self.name]

    def __str__(self) -> str:
        finished = [path for path in self.folder.rglob(RESULTS) if EVALUATIONS not in path.parts]
        failed = len(self.failures)
        return (
            f"sweep    {self.folder}: {len(finished)} finished, {failed} failed"
            f"{f' (see {FAILED} in their folders)' if failed else ''}\n"
            f"next     python evaluate.py runs='{self.folder}/**'"
        )


def sweep_of(words: Sequence[str]) -> Sweep | None:
    """The sweep that a command line asks for, None where it asks for one run.

    Its folder is what Hydra was told, else ``output``, else ``multirun/<name>``.
    """
    if not is_sweep(words):
        return None
    given = [word for word in words if "=" in word and not word.startswith(("-", "hydra.", "hydra/"))]
    # What is run, and not where or how it is shown.
    shaping = sorted(word for word in given if not affects_nothing(key_of(word) or word.partition("=")[0]))
    pairs = [word.partition("=") for word in shaping]
    varied = tuple(key for key, _, value in pairs if is_varied(value))
    readable = re.sub(r"[^\w.-]+", "_", "-".join(varied))[:LONGEST]
    name = "-".join(filter(None, [readable, fingerprint(shaping)[:8]]))
    folder = f"{HOME}/{name}"
    for prefix in ("output=", FOLDER):
        folder = next((one.removeprefix(prefix) for one in words if one.startswith(prefix)), folder)
    return Sweep(Path(folder), name, varied)


def is_sweep(words: Sequence[str]) -> bool:
    """Whether a command line asks for several runs."""
    return any(word in FLAGS for word in words)


def is_varied(value: str) -> bool:
    """Whether Hydra would try several: a comma outside brackets and quotes, or a sweep's word."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", value)
    sweeping = re.match(r"(choice|range|glob|interval|shuffle)\(", bare)
    inner = ""
    while inner != bare:
        inner, bare = bare, re.sub(r"\[[^\[\]]*\]|\{[^{}]*\}|\([^()]*\)", "", bare)
    return "," in bare or sweeping is not None
