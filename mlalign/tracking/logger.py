"""Lightning's metrics are logged to a stage's wandb run."""

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from mlalign.tracking.stage import Stage


class StageLogger(Logger):
    """Lightning's metrics, logged against the stage's own step.

    Args:
        stage: to log to.
        name: ``align`` or ``finetune``.
    """

    def __init__(self, stage: Stage, name: str) -> None:
        super().__init__()
        self.stage, self._name = stage, name

    @property
    def name(self) -> str:
        """The stage's name."""
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

    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Nothing: the whole configuration is logged already."""
