"""Lightning's metrics are logged to a stage's wandb run."""

from collections.abc import Mapping

import pandas as pd
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from mlalign.tracking.stage import Stage


class StageLogger(Logger):
    """Lightning's metrics, logged against the stage's own step; of a resumed stage all of them, from its curves.

    Args:
        stage: to log to.
        name: ``align`` or ``finetune``.
        before: what attempts that were stopped reported, as ``join_curves`` gives it. Where this one goes on, its own
            report counts.
    """

    def __init__(self, stage: Stage, name: str, before: pd.DataFrame) -> None:
        super().__init__()
        self.stage, self._name, self._before = stage, name, before

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
        self._log_before(self._before[self._before.index < (step or 0)])
        self._log({name: value for name, value in metrics.items() if name != "epoch"}, step)

    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Nothing: the whole configuration is logged already."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """What was reported before, where nothing was to follow."""
        self._log_before(self._before)

    def _log_before(self, rows: pd.DataFrame) -> None:
        self._before = self._before[:0]
        for step, row in rows.iterrows():
            self._log(row.dropna(), step)

    def _log(self, metrics: Mapping[str, float] | pd.Series, step: object) -> None:
        self.stage.log({**metrics, f"{self._name}/step": step})
