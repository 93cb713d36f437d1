"""An encoder before its alignment and after it, and the pairs that it was never aligned on."""

from pathlib import Path
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from mlalign.alignment.held_out import HeldOut
from mlalign.alignment.views import clean
from mlalign.config.schema import Train
from mlalign.data.parallel import HeldOutBatch
from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import DataError
from mlalign.models.backbone import quiet_transformers
from mlalign.models.encoder import Encoder
from mlalign.models.io import load_encoder
from mlalign.models.task_encoder import TaskEncoder
from mlalign.reporting.runs import Run
from mlalign.stages.backbone import Backbone
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.preparation import prepare_sample
from mlalign.stages.reopen import config_of
from mlalign.training.computing import attention


class Ready(NamedTuple):
    """An encoder in evaluation mode on the CPU, and what makes its sequences."""

    encoder: TaskEncoder
    layout: SequenceBuilder
    run: "BeforeAfter"

    def held_out(self) -> list[HeldOutBatch]:
        """The pairs that an alignment is validated on."""
        text = self.run.text
        return list(text.data_of(text.tables(self.layout.tokenizer), self.layout, {"clean": clean}).val_dataloader())

    def measures(self, seed: int) -> dict[str, float]:
        """What alignment logs at a validation."""
        held_out = HeldOut(self.encoder, seed)
        for batch in self.held_out():
            held_out.add(batch)
        return held_out.measures()


class BeforeAfter:
    """Both encoders of a run, read when they are asked for."""

    def __init__(self, run: Run) -> None:
        quiet_transformers()
        self.run = run
        self.config: Train = config_of(run.results, run.folder)
        prepare_sample(self.config)
        self.text = ParallelText(self.config)
        self.backbone = Backbone(self.config, self.text)

    def before(self) -> Ready:
        """The untouched backbone, which knows no language tokens."""
        model, tokenizer = self.backbone.load(attention(self.config))
        return self._ready(Encoder(model, pool=self.config.backbone.pool.value), tokenizer, {})

    def after(self) -> Ready | None:
        """The aligned encoder; None for a run without alignment."""
        aligned = self.run.results.aligned
        if aligned is None:
            return None
        if not Path(aligned).is_dir():
            made = f"no such folder, and {self.run.folder} was made with the aligned encoder in it"
            raise DataError(f"{aligned}: {made}; call this where train.py was called, or train again with resume=false")
        encoder, tokenizer = load_encoder(Path(aligned), attention=attention(self.config))
        return self._ready(encoder, tokenizer, self.text.language_tokens(tokenizer))

    def last(self) -> Ready:
        """The aligned encoder, or the untouched one of a run that aligns nothing."""
        return self.after() or self.before()

    def _ready(self, encoder: TaskEncoder, tokenizer: PreTrainedTokenizerBase, tokens: dict[str, int]) -> Ready:
        layout = SequenceBuilder(tokenizer, tokens, max_length=self.config.align.max_length)
        return Ready(encoder.eval(), layout, self)
