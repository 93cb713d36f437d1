"""Fine-tuned weights on disk, in folders named by their step; none is a pickle."""

import shutil
from pathlib import Path

import lightning as L
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mlalign.data.sequences import SequenceBuilder
from mlalign.distributed import barrier, broadcast_object, is_rank_zero, rank_zero_first
from mlalign.errors import DataError, TrainingError
from mlalign.files import JsonObject
from mlalign.finetuning.module import FinetuningModule
from mlalign.models.finite import non_finite_weights
from mlalign.models.io import load_encoder, save_encoder

WEIGHTS = "weights"
HEAD = "head.safetensors"
ENGLISH_DEV, LAST = "english_dev", "last"


def save_weights(module: FinetuningModule, layout: SequenceBuilder, folder: Path) -> None:
    """Write the encoder as an aligned folder is written, and beside it the head."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    languages = list(layout.language_tokens)
    save_encoder(module.encoder, layout.tokenizer, partial, {"language_tokens": languages})
    head = {
        name: value.detach().cpu().contiguous()
        for name, value in module.state_dict().items()
        if name.startswith("head.")
    }
    save_file(head, partial / HEAD)
    partial.rename(folder)


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
    """Give a module the weights that ``save_weights`` wrote of it at some step.

    Raises:
        DataError: a file is missing or does not fit the module.
    """
    encoder, _ = load_encoder(folder, attention="eager")  # how it attends is no part of its weights
    module.encoder.load_state_dict(encoder.state_dict())
    load_head(module, folder)


class CheckpointKeeper(L.Callback):
    """Keeps the weights of evaluations while English is learned.

    Args:
        folder: of the run; ``weights/<step>`` in it holds what is kept.
        layout: whose tokenizer and languages belong to the weights.
        selection: which weights are to be tested: ``english_dev``, the first that did best there,
            or ``last``.
        keep: which are to stay: ``none``, ``tested``, ``best_and_last`` or ``all`` evaluations.
    """

    def __init__(self, folder: Path, layout: SequenceBuilder, *, selection: str, keep: str) -> None:
        self.folder, self.layout = folder / WEIGHTS, layout
        self.partial = folder / f"{WEIGHTS}.partial"
        self.selection, self.every = selection, keep == "all"
        both = {ENGLISH_DEV, LAST}
        self.rules = {"none": set(), "tested": {selection}}.get(keep, both)
        self.best: int | None = None
        self._score = float("-inf")
        if is_rank_zero():
            for old in (self.folder, self.partial):
                shutil.rmtree(old, ignore_errors=True)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep what may be asked for later, and no more."""
        step, score = trainer.global_step, float(trainer.callback_metrics["finetune/dev"])
        better = self.best is None or score > self._score
        if better and not self.every and self.best is not None and is_rank_zero():
            shutil.rmtree(self._at(self.best), ignore_errors=True)
        if better:
            self.best, self._score = step, score
        wanted = ENGLISH_DEV in (self.rules | {self.selection})
        if (self.every or (better and wanted)) and is_rank_zero():
            assert isinstance(pl_module, FinetuningModule)
            save_weights(pl_module, self.layout, self._at(step))

    def finish(self, module: FinetuningModule, last: int) -> JsonObject:
        """Leave the module as it is to be tested, and on disk what is to be kept.

        Args:
            module: as the last step left it.
            last: the number of that step.

        Returns:
            The step of each rule, and the steps whose weights are kept.

        Raises:
            TrainingError: a weight is non-finite.
        """
        steps = {ENGLISH_DEV: self.best, LAST: last}
        kept = {steps[rule] for rule in self.rules}
        with rank_zero_first():
            if (self.every or LAST in self.rules) and not self._at(last).is_dir():
                save_weights(module, self.layout, self._at(last))
        if self.selection == ENGLISH_DEV and self.best != last:
            assert self.best is not None
            restore_weights(module, self._at(self.best))
        if sick := non_finite_weights(module):
            raise TrainingError(f"finetune: not scored: {sick}; lower finetune.learning_rate")
        barrier()
        return broadcast_object({**steps, "kept": self._tidied(kept) if is_rank_zero() else []})

    def _tidied(self, kept: set[int | None]) -> list[int]:
        """Give what stays its final name; returns the steps."""
        if self.partial.is_dir():
            for folder in self.partial.iterdir():
                if not self.every and int(folder.name) not in kept:
                    shutil.rmtree(folder)
            self.partial.rename(self.folder)
        found = sorted(int(folder.name) for folder in self.folder.glob("*"))
        if not found:
            shutil.rmtree(self.folder, ignore_errors=True)
        return found

    def _at(self, step: int) -> Path:
        return self.partial / str(step)
