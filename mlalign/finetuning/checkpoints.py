"""Fine-tuned weights on disk, in folders named by their step; none is a pickle."""

from pathlib import Path
from typing import Any

import lightning as L
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mlalign.data.sequences import SequenceBuilder
from mlalign.distributed import barrier, broadcast_object, is_rank_zero, rank_zero_first
from mlalign.errors import DataError, TrainingError
from mlalign.files import JsonObject, remove, replacing
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.adapters import merge_adapter
from mlalign.models.finite import non_finite_weights
from mlalign.models.io import load_encoder, save_encoder

WEIGHTS = "weights"
HEAD = "head.safetensors"
ENGLISH_DEV, LAST = "english_dev", "last"


def save_weights(module: FinetuningModule, layout: SequenceBuilder, folder: Path) -> None:
    """Write the encoder as an aligned folder is written, and beside it the head."""
    languages = list(layout.language_tokens)
    head = {
        name: value.detach().cpu().contiguous()
        for name, value in module.state_dict().items()
        if name.startswith("head.")
    }
    with replacing(folder) as part:
        part.mkdir()
        save_encoder(module.encoder, layout.tokenizer, part, {"language_tokens": languages})
        save_file(head, part / HEAD)


def load_head(module: FinetuningModule, folder: Path) -> None:
    """Give a module the head that ``save_weights`` wrote of one of its kind.

    Raises:
        DataError: the file is missing or does not fit the module.
    """
    others = {name: one for name, one in module.state_dict().items() if not name.startswith("head.")}
    try:
        module.load_state_dict(others | load_file(folder / HEAD))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise DataError(
            f"{folder / HEAD}: does not fit the run's settings: {reason}; train again with resume=false"
        ) from error


def restore_weights(module: FinetuningModule, folder: Path) -> None:
    """Give a module the weights that ``save_weights`` wrote of it at some step; an adapter of it is merged.

    Raises:
        DataError: a file is missing or does not fit the module.
    """
    encoder, _ = load_encoder(folder, attention="eager")  # how it attends is no part of its weights
    merge_adapter(module.encoder)
    module.encoder.load_state_dict(encoder.state_dict())
    load_head(module, folder)


class CheckpointKeeper(L.Callback):
    """Keeps the weights of evaluations while English is learned.

    What a checkpoint of the stage knows as the best stays until another checkpoint knows a better one.

    Args:
        folder: of the run; ``weights/<step>`` in it holds what is kept.
        layout: whose tokenizer and languages belong to the weights.
        selection: which weights are to be tested: ``english_dev``, the first that did best there,
            or ``last``.
        keep: which are to stay: ``none``, ``tested``, ``best_and_last`` or ``all`` evaluations.
    """

    def __init__(self, folder: Path, layout: SequenceBuilder, *, selection: str, keep: str) -> None:
        self.folder, self.layout = folder / WEIGHTS, layout
        self.selection, self.every = selection, keep == "all"
        both = {ENGLISH_DEV, LAST}
        self.rules = {"none": set(), "tested": {selection}}.get(keep, both)
        self.best: int | None = None
        self._score = float("-inf")
        self._best_in_checkpoint: int | None = None
        self._written: int | None = None  # by this process, last

    def state_dict(self) -> dict[str, Any]:
        """What later evaluations are compared with."""
        return {"best": self.best, "score": self._score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on comparing."""
        self.best, self._score = state_dict["best"], state_dict["score"]
        self._best_in_checkpoint = self.best

    def on_save_checkpoint(self, *_: object) -> None:
        """The checkpoint that is written now knows this one."""
        self._best_in_checkpoint = self.best

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep what may be asked for later, and no more."""
        step, score = trainer.global_step, float(trainer.callback_metrics["finetune/dev"])
        better = self.best is None or score > self._score
        if better:
            self.best, self._score = step, score
        wanted = ENGLISH_DEV in (self.rules | {self.selection})
        if (self.every or (better and wanted)) and is_rank_zero():
            assert isinstance(pl_module, FinetuningModule)
            self._save(pl_module, step)
            if not self.every:
                self._remove_all_but({self.best, self._best_in_checkpoint})

    def finish(self, module: FinetuningModule, last: int) -> JsonObject:
        """Leave the module as it is to be tested, and on disk what is to be tested or kept.

        Args:
            module: as the last step left it.
            last: the number of that step.

        Returns:
            The step of each rule, the steps whose weights are kept, and the step that is tested.

        Raises:
            TrainingError: a weight is non-finite.
        """
        steps = {ENGLISH_DEV: self.best, LAST: last}
        tested = steps[self.selection]
        assert tested is not None  # there is an evaluation at least
        with rank_zero_first():
            if is_rank_zero() and (self.every or LAST in self.rules | {self.selection}) and self._written != last:
                self._save(module, last)
        merge_adapter(module.encoder)  # as it was saved
        if tested != last:
            restore_weights(module, self.at(tested))
        if sick := non_finite_weights(module):
            raise TrainingError(f"finetune: not scored: {sick}; lower finetune.learning_rate")
        barrier()
        chosen = {step for rule in self.rules if (step := steps[rule]) is not None}
        if is_rank_zero() and not self.every:
            self._remove_all_but({tested, *chosen})
        kept = sorted(self._steps() if self.every else chosen)
        return broadcast_object({**steps, "kept": kept, "tested": tested})

    def at(self, step: int) -> Path:
        """The folder of a step's weights."""
        return self.folder / str(step)

    def _save(self, module: FinetuningModule, step: int) -> None:
        save_weights(module, self.layout, self.at(step))
        self._written = step

    def _steps(self) -> list[int]:
        return [int(one.name) for one in self.folder.glob("[!.]*")]

    def _remove_all_but(self, steps: set[int | None]) -> None:
        for step in self._steps():
            if step not in steps:
                remove(self.at(step))
