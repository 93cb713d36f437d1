"""How long a stage takes, however often it is stopped and resumed."""

import time
from typing import Any

import lightning as L


class Elapsed(L.Callback):
    """Seconds since it was made, and those before the checkpoint that the stage resumes from."""

    def __init__(self) -> None:
        self.before, self._began = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Of the stage until now."""
        return self.before + time.perf_counter() - self._began

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Count on from a checkpoint."""
        self.before = state_dict["seconds"]
