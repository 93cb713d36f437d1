"""Stages that train nothing: maps of languages, fitted to an encoder's vectors of parallel text."""

import logging
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import lightning as L
import torch
from torch import Tensor

from mlalign.config.enums import Stage
from mlalign.config.identity import alignment_recipe
from mlalign.config.schema import Train
from mlalign.data.languages import ENGLISH
from mlalign.data.parallel import EVALUATION_BATCH, ParallelDataModule, sentences_of
from mlalign.data.sequences import SequenceBuilder
from mlalign.distributed import is_rank_zero, rank_zero_first
from mlalign.files import JsonObject
from mlalign.models.encoder import Encoder
from mlalign.models.io import save_encoder
from mlalign.models.language_maps import LanguageMaps, procrustes
from mlalign.models.subwords import mean_pool
from mlalign.stages.backbone import Start
from mlalign.stages.code import code_hashes
from mlalign.stages.parallel_text import ParallelText
from mlalign.training.computing import attention, takes_gpu

log = logging.getLogger(__name__)


class MapStage:
    """Gives an encoder without fusion maps of its languages; arguments as of ``AlignmentStage``.

    Attributes:
        name: of the stage.
        linear: whether languages are turned, too.
    """

    name: ClassVar[Stage]
    linear: ClassVar[bool]

    def __init__(
        self, config: Train, text: ParallelText, backbone: Start, trainer: Callable[..., L.Trainer], *, precision: str
    ) -> None:
        self.config, self.text, self.backbone, self.attention = config, text, backbone, attention(config)

    @cached_property
    def recipe(self) -> JsonObject:
        """Everything that the folder follows from."""
        recipe = alignment_recipe(self.config, backbone=self.backbone.identity, text=self.text.identity)
        return {**recipe, "stage": self.name.value}

    def make(self, folder: Path, resume_from: Path) -> None:
        """Fit the maps and fill a folder; nothing is resumed, it takes seconds."""
        started = time.perf_counter()
        config, align = self.config, self.config.align
        assert align.seed is not None  # resolved
        model, tokenizer = self.backbone.load(self.attention)
        with rank_zero_first():
            tables = self.text.tables(tokenizer)
        data = ParallelDataModule(
            tables,
            SequenceBuilder(tokenizer, self.text.language_tokens(tokenizer), max_length=align.max_length),
            {},
            pairs=1,
            batches=1,
            exponent=config.data.sampling_exponent,
            held_out=config.data.held_out,
            seed=align.seed,
        )
        encoder = Encoder(model, pool=config.backbone.pool.value)
        encoder.to("cuda" if takes_gpu(config) else "cpu").eval()
        encoder.maps = fitted_maps(encoder, data, align.prototype_sentences, linear=self.linear)
        log.info("Fitted maps of %s to at most %d pairs each", ", ".join(tables), align.prototype_sentences)
        record = {
            "backbone": config.backbone.name,
            "recipe": self.recipe,
            "code": code_hashes(),
            "computing": {"precision": "32-true", "attention": self.attention},
            "seconds": time.perf_counter() - started,
            "files": {path: info for table in tables.values() for path, info in table.files.items()},
            "warnings": [],
        }
        if is_rank_zero():
            save_encoder(encoder, tokenizer, folder, record)


class CentredStage(MapStage):
    """Every language's vectors have the mean of English."""

    name, linear = Stage.centred, False


class LinearMapStage(MapStage):
    """Every language's vectors are also turned towards those of English by an orthogonal map."""

    name, linear = Stage.linear_map, True


@torch.no_grad()
def fitted_maps(encoder: Encoder, data: ParallelDataModule, pairs: int, *, linear: bool) -> LanguageMaps:
    """Maps from the vectors of the first training pairs of every language.

    Args:
        encoder: in evaluation mode, without fusion.
        data: with the pairs.
        pairs: of each language at most.
        linear: whether to fit matrices, to the centred sentence vectors of both sides.
    """
    found = {language: _vectors(encoder, data, language, pairs) for language in data.tables}
    maps = LanguageMaps(list(found), encoder.dim, linear=linear).to(encoder.device)
    english = [sides[0] for sides in found.values()]
    maps.means[:, 0] = torch.cat(english, dim=1).mean(1)
    for row, (source, target) in enumerate(found.values(), start=1):
        maps.means[:, row] = target.mean(1)
        if maps.matrices is not None:
            centred = [side[0] - side[0].mean(0) for side in (target, source)]
            maps.matrices[row] = procrustes(*centred)
    return maps


def _vectors(encoder: Encoder, data: ParallelDataModule, language: str, pairs: int) -> tuple[Tensor, Tensor]:
    """Of English and the language, each ``[2, pairs, dim]`` in float64: sentences, and the means of their words."""
    rows = data.trained[language][:pairs]
    sides: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, len(rows), EVALUATION_BATCH):
        table = data.tables[language].take(rows[start : start + EVALUATION_BATCH])
        for found, column, of in zip(sides, ("source", "target"), (ENGLISH, language), strict=True):
            subwords = sentences_of(table[column], of, data.layout).to(encoder.device)
            states = encoder(subwords)
            vectors = [encoder.pooled(states, subwords), mean_pool(states, subwords.is_content_token)]
            found.append(torch.stack(vectors).double())
    return torch.cat(sides[0], dim=1), torch.cat(sides[1], dim=1)
