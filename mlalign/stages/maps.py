"""Stages that train nothing: maps of languages, fitted to an encoder's vectors of parallel text."""

import logging
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mlalign.config.enums import Stage
from mlalign.cost import Cost, forward_cost, pooling_operations
from mlalign.data.parallel import EVALUATION_BATCH, ParallelDataModule, sentences_of
from mlalign.data.reads import PARALLEL, SIDES
from mlalign.data.sequences import SequenceBuilder
from mlalign.models.encoder import Encoder
from mlalign.models.language_maps import LanguageMaps, procrustes
from mlalign.models.subwords import mean_pool
from mlalign.stages.stage import EncoderStage, files_of
from mlalign.training.computing import takes_gpu
from mlalign.wording import plural

log = logging.getLogger(__name__)


class MapStage(EncoderStage):
    """Gives an encoder without fusion maps of its languages."""

    linear: ClassVar[bool]  # whether languages are turned, too

    def make(self, folder: Path, resume_from: Path) -> None:
        """Fit the maps and fill a folder; nothing is resumed, it takes seconds."""
        started = time.perf_counter()
        config, align = self.config, self.config.align
        model, tokenizer = self.backbone.load(self.attention)
        tables = self.tables(tokenizer)
        layout = SequenceBuilder(tokenizer, self.text.language_tokens(tokenizer), max_length=align.max_length)
        data = self.text.data_of(tables, layout, {}, seed=self.seed)
        encoder = Encoder(model, pool=config.backbone.pool.value)
        encoder.to("cuda" if takes_gpu(config) else "cpu").eval()
        encoder.maps = fitted_maps(encoder, data, align.prototype_sentences, linear=self.linear)
        most = plural(align.prototype_sentences, "pair")
        log.info("Fitted maps of %s to at most %s each", ", ".join(tables), most)
        seconds = time.perf_counter() - started
        costs, reads = {self.name.value: asdict(self._cost(encoder, data, seconds))}, PARALLEL if self.linear else SIDES
        facts = {"computing": {"precision": "32-true", "attention": self.attention}, "costs": costs, "reads": [reads]}
        self.save(encoder, tokenizer, folder, seconds=seconds, files=files_of(tables), **facts)

    def _cost(self, encoder: Encoder, data: ParallelDataModule, seconds: float) -> Cost:
        """Of both sides of the pairs; decompositions are left out."""
        rows = {language: found[: self.config.align.prototype_sentences] for language, found in data.trained.items()}
        lengths = [
            side[rows[language]] + data.layout.overhead
            for language, table in data.tables.items()
            for side in (table.source_lengths, table.target_lengths)
        ]
        cost = forward_cost(encoder.backbone.base_model, np.concatenate(lengths), seconds=seconds)
        means = 1 + (encoder.pool == "mean")
        flops = means * pooling_operations(sum(map(int, np.concatenate(lengths))), encoder.dim, learned=False)
        if self.linear:
            flops += sum(2 * (len(found) + encoder.dim) * encoder.dim**2 for found in rows.values())
        return replace(cost, flops=cost.flops + flops)


class CentredStage(MapStage):
    """Every language's vectors have the mean of the pivot's, usually English."""

    name, linear = Stage.centred, False


class LinearMapStage(MapStage):
    """Every language's vectors are also turned towards those of the pivot by an orthogonal map."""

    name, linear = Stage.linear_map, True


@torch.no_grad()
def fitted_maps(encoder: Encoder, data: ParallelDataModule, pairs: int, *, linear: bool) -> LanguageMaps:
    """Maps from the vectors of the first training pairs of every language.

    Args:
        encoder: in evaluation mode, without fusion.
        pairs: of each language at most.
        linear: whether to fit matrices, to the centred sentence vectors of both sides.
    """
    found = {language: _vectors(encoder, data, language, pairs) for language in data.tables}
    maps = LanguageMaps(list(found), encoder.dim, linear=linear, pivot=data.pivot).to(encoder.device)
    english = [sides[0] for sides in found.values()]
    maps.means[:, 0] = torch.cat(english, dim=1).mean(1)
    for row, (source, target) in enumerate(found.values(), start=1):
        maps.means[:, row] = target.mean(1)
        if maps.matrices is not None:
            centred = [side[0] - side[0].mean(0) for side in (target, source)]
            maps.matrices[row] = procrustes(*centred)
    return maps


def _vectors(encoder: Encoder, data: ParallelDataModule, language: str, pairs: int) -> tuple[Tensor, Tensor]:
    """Of the pivot and the language, each ``[2, pairs, dim]`` in float64: sentences, and the means of their words."""
    rows = data.trained[language][:pairs]
    sides: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, len(rows), EVALUATION_BATCH):
        table = data.tables[language].take(rows[start : start + EVALUATION_BATCH])
        for found, column, of in zip(sides, ("source", "target"), (data.pivot, language), strict=True):
            subwords = sentences_of(table[column], of, data.layout).to(encoder.device)
            states = encoder(subwords)
            vectors = [encoder.pooled(states, subwords), mean_pool(states, subwords.is_content_token)]
            found.append(torch.stack(vectors).double())
    return torch.cat(sides[0], dim=1), torch.cat(sides[1], dim=1)
