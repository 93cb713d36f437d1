"""``failed.json``: why a run of a sweep failed; it is gone when a later attempt succeeds."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from mlalign.config.settings import wrong_values
from mlalign.errors import UserError
from mlalign.files import FULL, UNWRITTEN, write_whole

FAILED = "failed.json"
ROOM = "; make room on the disk, or look at its quota"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A run that failed."""

    sweep: str  # the sweep's name
    number: int  # of the run in it
    run: str  # what was typed for it and for no other run
    overrides: list[str]  # all that was typed for it
    error: str  # kind and message
    traceback: str | None = None  # of an error that no setting mends

    def __str__(self) -> str:
        return f"run {self.number} ({self.run}): {self.error}"


def as_python_does(error: Exception) -> Exception:
    """An error; what torch, safetensors and tokenizers raise where a file cannot be written, as one of the system."""
    if isinstance(error, OSError | UserError) or not UNWRITTEN.search(str(error)):
        return error
    reason = str(error).strip().splitlines()[0]
    return OSError(f"a file could not be written{ROOM} ({reason})")


def described(error: Exception) -> str:
    """Kind and message; of what is not ours the first line, the rest being for developers."""
    lines = str(error).strip().splitlines() or ["no message"]
    message = str(error) if isinstance(error, UserError) else lines[0]
    advice = ROOM if isinstance(error, OSError) and error.errno in FULL else ""
    return f"{type(error).__name__}: {message}{advice}"


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
            wrong = next(wrong_values(failure), None)
        except (OSError, ValueError, TypeError, RecursionError) as error:
            wrong = described(error)
        if wrong is None:
            found.append(failure)
        else:
            what = f"expected the failure of a run, found something else ({wrong[:200]}): it is not counted"
            log.warning("%s: %s. Delete the file, or run the sweep again, which writes it anew", path, what)
    return sorted(found, key=lambda failure: failure.number)
