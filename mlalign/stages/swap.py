"""The stage that learns English, and then embeddings of each other language under the same body."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Parameter

from mlalign.alignment.assembly import counted
from mlalign.alignment.budget import Spent, side_spending
from mlalign.alignment.masked_side import MaskedSideModule
from mlalign.alignment.views import build_views, ordinary_ids
from mlalign.config.enums import Stage
from mlalign.config.schema import Train
from mlalign.data.parallel import pivot_of
from mlalign.data.reads import SIDES
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Tokenised
from mlalign.errors import ConfigError, DataError
from mlalign.models.backbone import add_language_tokens, vocabulary_size
from mlalign.models.encoder import Encoder
from mlalign.models.language_rows import LanguageRows, set_blocks
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.stage import EncoderStage, files_of
from mlalign.training.optimizers import ParameterGroup
from mlalign.training.seeding import seed_everything_for
from mlalign.wording import plural

log = logging.getLogger(__name__)


def shares(steps: int, languages: int) -> tuple[int, list[int]]:
    """Steps of English, half of them, and of each other language; none is lost."""
    rest = steps // 2
    return steps - rest, [rest // languages + (place < rest % languages) for place in range(languages)]


class SwapStage(EncoderStage):
    """Makes an encoder with embeddings of each language's own.

    Artetxe et al. 2020 (arXiv:1910.11856): masked words of English train body and embeddings. Then each other
    language gets new embeddings, which its masked words train while the body stays as it is.
    """

    name = Stage.swap

    @staticmethod
    def require(config: Train, text: ParallelText) -> None:
        """Look whether every language gets a step."""
        least = 2 * len(text.languages)
        if config.align.steps < least:
            shared = "method.stages=[swap] gives English half of the steps and each other language its part of the rest"
            raise ConfigError(f"align.steps={config.align.steps}: {shared}; expected {least} or more")

    def make(self, folder: Path, resume_from: Path) -> None:
        """Learn all languages and fill a folder; an interrupted run begins again."""
        started = time.perf_counter()
        config, align = self.config, self.config.align
        model, tokenizer = self.backbone.load(self.attention)
        if model.get_input_embeddings().weight is not model.get_output_embeddings().weight:
            raise DataError(
                f"backbone {config.backbone.name}: its head predicts words with other embeddings than it reads, and "
                "method.stages=[swap] learns one matrix for both; choose a backbone with tied embeddings"
            )
        vocabulary = vocabulary_size(tokenizer)
        tables = self.tables(tokenizer)
        torch.manual_seed(self.seed)
        counts = counted(tables, vocabulary)
        add_language_tokens(model, tokenizer, counts, start=align.language_token_start.value)
        layout = self.text.layout(tokenizer, align.max_length)
        self.configure_training(model)
        encoder = Encoder(model, pool=config.backbone.pool.value)
        learner = _Learner(self, encoder, layout, vocabulary, folder)
        steps, steps_of = shares(align.steps, len(tables))
        learner.learn_pivot(tables, steps)
        blocks = [learner.embeddings.detach().clone()]
        for (language, table), its_steps in zip(tables.items(), steps_of, strict=True):
            blocks.append(learner.new_embeddings(blocks[0], language, table, its_steps))
        set_blocks(model, blocks)
        tokens = {language: layout.language_tokens[language] for language in tables}
        encoder.rows = LanguageRows.of(len(blocks[0]), tokens, learner.ordinary, pivot_of(tables))
        read = ", ".join(f"{language} {int(count.sum()):,}" for language, count in counts.items())
        note = f"{self.name.value}: {plural(align.steps, 'step')}, half of them of English; tokens of the text: {read}"
        facts = {"budget": asdict(learner.spent), "reads": [SIDES], "notes": [note]}
        seconds = time.perf_counter() - started
        self.save(encoder, tokenizer, folder, seconds=seconds, files=files_of(tables), **facts)


class _Learner:
    """Trains an encoder on the masked words of one language after the other."""

    def __init__(
        self, stage: SwapStage, encoder: Encoder, layout: SequenceBuilder, vocabulary: int, folder: Path
    ) -> None:
        self.stage, self.encoder, self.layout, self.vocabulary, self.folder = stage, encoder, layout, vocabulary, folder
        self.ordinary = ordinary_ids(layout)
        self.embeddings: Parameter = encoder.backbone.get_input_embeddings().weight
        self.spent = Spent()

    def learn_pivot(self, tables: Mapping[str, Tokenised], steps: int) -> None:
        """Train body, head and embeddings."""
        rates = self.stage.config.align.learning_rate
        body = [one for one in self.encoder.parameters() if one is not self.embeddings]
        of_embeddings = rates.backbone if rates.embeddings is None else rates.embeddings
        groups = [{"params": [self.embeddings], "lr": of_embeddings}, {"params": body, "lr": rates.backbone}]
        self._fit(pivot_of(tables), tables, groups, steps, fixed=self.ordinary[:0])

    def new_embeddings(self, english: Tensor, language: str, table: Tokenised, steps: int) -> Tensor:
        """Train embeddings from random ones, those of special tokens and the body kept; the head's bias is lent."""
        self.encoder.requires_grad_(False)
        bias: Parameter | None = self.encoder.backbone.get_output_embeddings().bias
        trained = [self.embeddings] if bias is None else [self.embeddings, bias]
        before = [one.detach().clone() for one in trained]
        is_fixed = torch.ones(len(english), dtype=torch.bool)
        is_fixed[self.ordinary] = False
        seed_everything_for(self.stage.seed, "new embeddings", language)
        with torch.no_grad():
            fresh = torch.randn_like(english) * english[self.ordinary].std()
            self.embeddings.copy_(torch.where(is_fixed[:, None], english, fresh))
            for one in trained[1:]:
                one.zero_()
        for one in trained:
            one.requires_grad_(True)
        groups: list[ParameterGroup] = [{"params": trained, "lr": self.stage.config.align.learning_rate.heads}]
        self._fit(language, {language: table}, groups, steps, fixed=is_fixed.nonzero()[:, 0])
        learned = self.embeddings.detach().clone()
        self.encoder.requires_grad_(True)
        with torch.no_grad():
            for one, value in zip(trained, before, strict=True):
                one.copy_(value)
        return learned

    def _fit(
        self, language: str, tables: Mapping[str, Tokenised], groups: list[ParameterGroup], steps: int, *, fixed: Tensor
    ) -> None:
        config, align, seed = self.stage.config, self.stage.config.align, self.stage.seed
        log.info("Masked words of %s for %s", language, plural(steps, "step"))
        is_pivot = language == pivot_of(tables)
        views, batches = build_views(["masked"], self.layout, align, seed=seed), steps * align.accumulate
        run = {"pairs": align.batch_size, "batches": batches, "seed": seed, "workers": config.trainer.workers}
        data = self.stage.text.data_of(tables, self.layout, views, **run)
        module = MaskedSideModule(
            self.encoder,
            self.vocabulary,
            align,
            side="source" if is_pivot else "target",
            language=language,
            groups=groups,
            steps=steps,
            fixed=fixed,
        )
        options = {"max_epochs": 1, "accumulate_grad_batches": align.accumulate}
        self.stage.fit(module, data.train_dataloader(), folder=self.folder, steps=steps, **options)
        self.spent += side_spending(data, module, steps * align.accumulate, frozen=not is_pivot)
