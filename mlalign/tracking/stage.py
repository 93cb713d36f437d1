"""A wandb run that cannot interrupt training: its first error is logged, and nothing is sent after it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlalign.reporting.keys import STEP_OF, WARNINGS

if TYPE_CHECKING:
    import wandb

log = logging.getLogger(__name__)

WATCHED = "mlalign.alignment"  # the logger whose warnings become alerts
TITLE = 60  # characters of an alert's title


class Warnings(logging.Handler):
    """Passes the messages of logged warnings to a function."""

    def __init__(self, receive: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.receive = receive

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on one warning."""
        self.receive(record.getMessage())


class Stage:
    """An open wandb run.

    Warnings that alignment logs meanwhile become alerts, and a list in the run's summary.

    Args:
        run: as ``wandb.init`` returns it.
    """

    def __init__(self, run: "wandb.Run") -> None:
        self.run: wandb.Run | None = run
        self.id: str = run.id
        self.warnings: list[str] = []
        self._watching = Warnings(self.warn)
        for prefix, axis in STEP_OF.items():
            run.define_metric(axis, hidden=True)
            run.define_metric(f"{prefix}*", step_metric=axis)
        logging.getLogger(WATCHED).addHandler(self._watching)

    @property
    def is_offline(self) -> bool:
        """Whether it still has to be synced."""
        return self.run is not None and self.run.offline and not self.run.disabled

    def log(self, values: Mapping[str, object]) -> None:
        """Log values."""
        self._do(lambda run: run.log(dict(values)))

    def show(self, name: str, make: Callable[[], object]) -> None:
        """Log a table, chart or image; if it cannot be made, log why."""
        if self.run is None:
            return
        try:
            made = make()
        except Exception as error:  # the files it is made from may be missing
            log.warning("wandb: no %s: %s", name, " ".join(f"{type(error).__name__}: {error}".split()))
        else:
            self.log({name: made})

    def summarise(self, values: Mapping[str, object]) -> None:
        """Add values to the run's summary."""
        self._do(lambda run: run.summary.update(dict(values)))

    def keep(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Log files and whole folders as an artifact."""
        import wandb

        def send(run: "wandb.Run") -> None:
            artifact = wandb.Artifact(name, type=kind)
            for path in paths:
                if path.is_dir():
                    artifact.add_dir(str(path), name=None if len(paths) == 1 else path.name)
                else:
                    artifact.add_file(str(path))
            run.log_artifact(artifact)

        self._do(send)

    def warn(self, message: str) -> None:
        """Send an alert, and add it to the summary."""
        self.warnings.append(message)
        self._do(lambda run: run.alert(message[:TITLE], message, level="WARN", wait_duration=0))
        self.summarise({WARNINGS: self.warnings})

    def finish(self, error: BaseException | None = None) -> None:
        """Finish the run, as failed if there is an error; waits at most a minute for the network."""
        logging.getLogger(WATCHED).removeHandler(self._watching)
        if error is not None:
            self.summarise({"error": f"{type(error).__name__}: {error}"})
        self._do(lambda run: run.finish(exit_code=0 if error is None else 1))
        self.run = None

    def _do(self, action: Callable[["wandb.Run"], object]) -> None:
        if self.run is None:
            return
        try:
            action(self.run)
        except Exception as error:  # whatever wandb raises, training continues
            lost, self.run = self.run, None
            log.warning(
                "wandb: %s; training continues without wandb, the curves are in the csv files",
                " ".join(f"{type(error).__name__}: {error}".split()),
            )
            with suppress(Exception):
                lost.finish(exit_code=1)
