"""``failed.json``: why a run of a sweep failed; it is gone when a later attempt succeeds."""

import json
import logging
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from mlalign.config.settings import mistyped
from mlalign.errors import UserError
from mlalign.files import write_whole

FAILED = "failed.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A run that failed.

    Attributes:
        sweep: the sweep's name.
        number: of the run in it.
        run: what was typed for it and for no other run.
        overrides: all that was typed for it.
        error: kind and message.
        traceback: of an error that no setting mends.
    """

    sweep: str
    number: int
    run: str
    overrides: list[str]
    error: str
    traceback: str | None = None

    def __str__(self) -> str:
        return f"run {self.number} ({self.run}): {self.error}"


def trace_of(error: Exception) -> str | None:
    """Where an error came from; None for one whose message says all that helps."""
    return None if isinstance(error, UserError) else "".join(traceback.format_exception(error))


def described(error: Exception) -> str:
    """Kind and message; of what is not ours the first line, the rest being for developers."""
    lines = str(error).strip().splitlines() or ["no message"]
    message = str(error) if isinstance(error, UserError) else lines[0]
    return f"{type(error).__name__}: {message}"


def write_failure(folder: Path, failure: Failure) -> None:
    """Leave ``failed.json`` in a run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FAILED, json.dumps(asdict(failure), ensure_ascii=False, indent=1) + "\n")


def read_failures(folder: Path) -> list[Failure]:
    """All failures below a folder, by their number; a file that holds none is left out with a warning."""
    found = []
    for path in sorted(folder.rglob(FAILED)):
        try:
            failure = Failure(**json.loads(path.read_text(encoding="utf-8")))
            wrong = next(mistyped(failure), None)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            wrong = described(error)
        if wrong is None:
            found.append(failure)
        else:
            log.warning(
                "%s: expected the failure of a run, found something else (%s): it is not counted. Delete the file, or "
                "run the sweep again, which writes it anew",
                *(path, wrong[:200]),
            )
    return sorted(found, key=lambda failure: failure.number)
