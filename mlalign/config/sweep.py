"""A sweep's folder, found again by the same command, how far it has come, and what became of its runs."""

import logging
import math
import re
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from mlalign.config.failures import FAILED, Failure, described, read_failures
from mlalign.config.identity import affects_nothing, fingerprint
from mlalign.config.renamed import key_of
from mlalign.errors import UserError
from mlalign.files import EVALUATIONS, RESULTS

log = logging.getLogger(__name__)

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


class Course:
    """How far a sweep has come in this process, and how long its other runs will take if they are as those before."""

    def __init__(self) -> None:
        self.taken: list[float | None] = []  # seconds of each run; None where it failed, or was finished already
        self.began = 0.0  # of the last run, in seconds since the epoch

    def begin(self, words: Sequence[str]) -> None:
        """Log which run of the sweep that a command line asks for begins; a launcher's own processes do not know it."""
        if GlobalHydra().is_initialized():
            log.info("%s", self.place(number_of_runs(words)))
        self.began = time.time()
        self.taken.append(None)

    def end(self, results: Path) -> None:
        """Note what a run took that has not failed, if it wrote its results."""
        try:
            is_written = results.stat().st_mtime >= self.began
        except OSError:
            return
        if is_written and self.taken:
            self.taken[-1] = time.time() - self.began

    def place(self, runs: int) -> str:
        """Which of so many runs begins, and how long it and the others will take."""
        worked = [seconds for seconds in self.taken if seconds is not None]
        minutes = math.fsum(worked) / max(1, len(worked)) * (runs - len(self.taken)) / 60
        return f"Run {len(self.taken) + 1} of {runs}" + (f", about {minutes:.0f} min left" if minutes >= 1 else "")


def number_of_runs(words: Sequence[str]) -> int:
    """How many runs Hydra makes of a command line; it must be initialised."""
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    found = parser.parse_overrides([word for word in words if "=" in word and not word.startswith("-")])
    return math.prod(len(list(one.sweep_string_iterator())) for one in found if one.is_sweep_override())


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
