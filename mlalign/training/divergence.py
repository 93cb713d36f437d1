"""Non-finite numbers: noted on the device at every update, read by the host at reports."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from mlalign.distributed import all_gather_object, on_rank_zero
from mlalign.errors import TrainingError
from mlalign.files import JsonObject, write_whole
from mlalign.wording import plural

FILE = "diverged.json"  # what the update saw whose loss or gradient was non-finite first
NAMED = 8  # of its rows, in the message
ADVICE = {  # stage -> what may help
    "align": "Lower align.learning_rate.* or set align.max_grad_norm",
    "finetune": "Lower finetune.learning_rate or set finetune.max_grad_norm",
    "parse": "Lower parse.learning_rate or set align.max_grad_norm",
}


class Learned(NamedTuple):
    """What one update learned from: rows of one language, where it matters those of an epoch."""

    language: str
    rows: Sequence[int]
    epoch: int | None = None


Describe = Callable[[Learned], Sequence[JsonObject]]  # each row, with its file and line, or id, where they are known


class DivergenceMonitor:
    """Remembers at which update each loss or gradient norm first was non-finite, and what the updates learned from.

    Args:
        stage: one of ``ADVICE``.
        folder: of the stage, asked for where something is wrong.
        describe: tells what the rows are, likewise.
    """

    def __init__(self, stage: str, folder: Callable[[], Path] | None = None, describe: Describe | None = None) -> None:
        self.stage, self.folder, self.describe = stage, folder, describe
        self._first: dict[tuple[str, ...], Int[Tensor, " names"]] = {}  # -1: never
        self._learned: dict[int, list[Learned]] = {}  # update -> since the last check

    @torch.no_grad()
    def watch(self, step: int, values: Mapping[str, Tensor], learned: Sequence[Learned] = ()) -> None:
        """Note what is non-finite at this update, without waiting for the device, and what it learns from."""
        names = tuple(values)
        stacked = torch.stack([value.detach().double().reshape(()) for value in values.values()])
        never = torch.full_like(stacked, -1, dtype=torch.long)
        first = self._first.get(names, never)
        self._first[names] = torch.where((first < 0) & ~stacked.isfinite(), step, first)
        if learned:
            self._learned.setdefault(step, []).extend(learned)

    def check(self) -> None:
        """Read what was noted in all ranks, which end together; the host waits once.

        Raises:
            TrainingError: names what was non-finite first, when, and what the update learned from, which is kept.
        """
        found = [
            (step, name)
            for names, first in self._first.items()
            for name, step in zip(names, first.tolist(), strict=True)
            if step >= 0
        ]
        first_of_ranks = all_gather_object(min(found, key=lambda one: one[0], default=None))  # losses are noted first
        sick = [one for one in first_of_ranks if one is not None]
        if not sick:
            self._learned.clear()
            return
        step, name = min(sick, key=lambda one: one[0])
        seen = [row for learned in all_gather_object(self._described(step)) for row in learned]
        raise TrainingError(
            f"{self.stage}: {name} is non-finite since update {step}{self._kept(name, step, seen)}; nothing can be "
            f"learned from that, and nothing of it is saved. {ADVICE[self.stage]}"
        )

    def _described(self, step: int) -> list[JsonObject]:
        """The rows that this rank learned from in an update."""
        if self.describe is None:
            return []
        return [{"language": one.language, **row} for one in self._learned.get(step, ()) for row in self.describe(one)]

    def _kept(self, name: str, step: int, rows: Sequence[JsonObject]) -> str:
        """Write what an update saw; says where, and names the first rows."""
        if not rows or self.folder is None:
            return ""
        rows = [row for place, row in enumerate(rows) if row not in rows[:place]]  # ranks may share a batch
        path = self.folder() / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"stage": self.stage, "what": name, "update": step, "rows": rows}
        on_rank_zero(write_whole)(path, json.dumps(content, ensure_ascii=False, indent=1))
        languages = ", ".join(dict.fromkeys(row["language"] for row in rows))
        named = "; ".join(map(_name, rows[:NAMED])) + ("; ..." if len(rows) > NAMED else "")
        return f", which learned from {plural(len(rows), 'row')} in {languages} ({named}), kept in {path}"


def _name(row: JsonObject) -> str:
    """File and line, or id."""
    if "line" in row:
        return f"{row['file']}, line {row['line']}"
    return f"{row['file']}, {row['id']}" if "file" in row else f"row {row['id']}"
