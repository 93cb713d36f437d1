"""A wandb run that cannot hurt the training: what fails there is told of once, and is left."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlalign.reporting.keys import STEP_OF, WARNINGS

log = logging.getLogger(__name__)

WATCHED = "mlalign.alignment"  # whose warnings are of a run's health
TITLE = 60  # letters of an alert's title


class Warnings(logging.Handler):
    """Hands on what is logged as a warning."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """One warning."""
        self.tell(record.getMessage())


class Stage:
    """A wandb run while it lasts.

    Warnings that training logs meanwhile become alerts, and a list in its summary.

    Args:
        run: wandb's.
    """

    def __init__(self, run: Any) -> None:
        self.run = run
        self.id: str = run.id
        self.warnings: list[str] = []
        self._watching = Warnings(self.warn)
        for prefix, axis in STEP_OF.items():
            run.define_metric(axis, hidden=True)
            run.define_metric(f"{prefix}*", step_metric=axis)
        logging.getLogger(WATCHED).addHandler(self._watching)

    @property
    def is_offline(self) -> bool:
        """Whether it is to be sent later."""
        return self.run is not None and self.run.offline and not self.run.disabled

    def log(self, values: Mapping[str, Any]) -> None:
        """Show numbers."""
        self._do(lambda run: run.log(dict(values)))

    def show(self, name: str, make: Callable[[], Any]) -> None:
        """Show what is made of files, a table, a chart or a figure; or say why there is none."""
        if self.run is None:
            return
        try:
            made = make()
        except Exception as error:  # whatever it is made of may be missing
            log.warning("wandb: no %s: %s", name, " ".join(f"{type(error).__name__}: {error}".split()))
        else:
            self.log({name: made})

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Show what a run is compared by."""
        self._do(lambda run: run.summary.update(dict(values)))

    def keep(self, name: str, kind: str, paths: Sequence[Path]) -> None:
        """Send files, and all that folders hold, along as an artifact."""
        import wandb

        def send(run: Any) -> None:
            artifact = wandb.Artifact(name, type=kind)
            for path in paths:
                if path.is_dir():
                    artifact.add_dir(str(path), name=None if len(paths) == 1 else path.name)
                else:
                    artifact.add_file(str(path))
            run.log_artifact(artifact)

        self._do(send)

    def warn(self, message: str) -> None:
        """Of a run's health."""
        self.warnings.append(message)
        self._do(lambda run: run.alert(message[:TITLE], message, level="WARN", wait_duration=0))
        self.summarise({WARNINGS: self.warnings})

    def finish(self, error: BaseException | None = None) -> None:
        """End it; with an error it counts as failed. Waits a minute for the network at most."""
        logging.getLogger(WATCHED).removeHandler(self._watching)
        if error is not None:
            self.summarise({"error": f"{type(error).__name__}: {error}"})
        self._do(lambda run: run.finish(exit_code=0 if error is None else 1))
        self.run = None

    def _do(self, what: Callable[[Any], Any]) -> None:
        if self.run is None:
            return
        try:
            what(self.run)
        except Exception as error:  # of any library below: nothing there is worth a training
            lost, self.run = self.run, None
            log.warning(
                "wandb: %s; the run goes on without it, its curves are in csv files",
                " ".join(f"{type(error).__name__}: {error}".split()),
            )
            with suppress(Exception):
                lost.finish(exit_code=1)
