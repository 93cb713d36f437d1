"""Lightning's numbers go into a stage's wandb run."""

from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from mlalign.tracking.stage import Stage


class StageLogger(Logger):
    """What Lightning reports, drawn against the stage's own step.

    Args:
        stage: to log to.
        name: ``align`` or ``finetune``.
    """

    def __init__(self, stage: Stage, name: str) -> None:
        super().__init__()
        self.stage, self._name = stage, name

    @property
    def name(self) -> str:
        """Of the stage."""
        return self._name

    @property
    def version(self) -> str:
        """The run's id."""
        return self.stage.id

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Lightning's step is the batch, see ``mlalign.reporting.keys``."""
        self.stage.log(
            {name: value for name, value in metrics.items() if name != "epoch"} | {f"{self._name}/step": step}
        )

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """The whole configuration is there already."""
