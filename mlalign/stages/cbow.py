"""Word vectors learned from running text: what is trained, and the windows that it is trained on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, embedding_bag

from mlalign.config.schema import Vectors
from mlalign.data.sampling import stream
from mlalign.losses import cbow_loss

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class RunningText:
    """The words of all sentences, one behind the other."""

    rows: Rows  # of the words, language by language; row 0 is no word
    sentence: Rows  # number of the sentence that each stands in
    bounds: list[tuple[int, int]]  # of each language, the first of its rows and the first that is not


class Windows(NamedTuple):
    """Positions of the text, their contexts, and words drawn by chance; 0 fills up."""

    context: Tensor
    centre: Tensor
    negative: Tensor
    translations: Tensor


class Cbow(nn.Module):
    """Two vectors of every word: v where it is read, the mean of its units, and u where it is told from others.

    Args:
        units: of each row, ``[rows, most]``, from 1; 0 fills up. A word without sub-words has one.
        dim: width of the vectors.
        regularisation: factor of the mean squared distance between u and v of the centres.
        generator: of the first values.
    """

    units: Tensor

    def __init__(self, units: Tensor, dim: int, *, regularisation: float, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("units", units)
        self.regularisation = regularisation
        self.read = nn.Embedding(int(units.max()) + 1, dim, padding_idx=0, sparse=True)
        self.told = nn.Embedding(len(units), dim, sparse=True)
        nn.init.zeros_(self.told.weight)
        with torch.no_grad():
            self.read.weight.uniform_(-0.5 / dim, 0.5 / dim, generator=generator)
            self.read.weight[0] = 0

    def composed(self, rows: Tensor) -> Tensor:
        """The v of words ``[n]``; zeros for row 0."""
        return embedding_bag(self.units[rows], self.read.weight, mode="mean", padding_idx=0, sparse=True)

    def context(self, rows: Tensor) -> Tensor:
        """h: the mean of v over the words of each context ``[b, window]``."""
        different, place = rows.unique(return_inverse=True)
        share = (rows > 0).to(self.read.weight.dtype)
        share = share / share.sum(1, keepdim=True).clamp(min=1)
        return embedding_bag(place, self.composed(different), mode="sum", per_sample_weights=share)

    def forward(self, batch: Windows) -> Tensor:
        """The loss of some windows; of a word's translations the one that is nearest to its context counts."""
        context, centre = self.context(batch.context), self.told(batch.centre)
        nearest = translated = None
        there = batch.translations > 0
        if there.any():
            candidates = self.told(batch.translations)
            nearness = cosine_similarity(candidates.detach(), context.detach()[:, None], dim=-1)
            best = nearness.where(there, -torch.inf).argmax(1)
            nearest, translated = candidates[torch.arange(len(best)), best], there.any(1)
        loss = cbow_loss(context, centre, self.told(batch.negative), translation=nearest, translated=translated)
        if self.regularisation:
            apart = (centre - self.composed(batch.centre)).square().sum(-1)
            loss = loss + self.regularisation * apart.mean()
        return loss


class WindowSampler:
    """Draws the windows of an epoch: a pure function of the seed and the epoch.

    Args:
        translations: ``[languages, rows, most]``, rows of the translations of each row; 0 fills up.
    """

    def __init__(self, text: RunningText, settings: Vectors, translations: Rows, *, seed: int) -> None:
        self.text, self.settings, self.translations, self.seed = text, settings, translations, seed
        counts = np.bincount(text.rows, minlength=max(last for _, last in text.bounds)).astype(float)
        self.language = np.zeros(len(counts), np.int64)
        self.kept = np.ones(len(counts))
        for number, (first, last) in enumerate(text.bounds):
            self.language[first:last] = number
            if settings.subsample is not None:  # as word2vec does it
                ratio = settings.subsample * counts[first:last].sum() / counts[first:last].clip(min=1)
                self.kept[first:last] = np.sqrt(ratio) + ratio
        self.shares = np.concatenate([[0.0], np.cumsum(counts**0.75)])

    def epoch(self, number: int) -> Iterator[Windows]:
        """All windows of an epoch, in batches."""
        random = stream(self.seed, "word windows", number)
        chosen = random.random(len(self.text.rows)) < self.kept[self.text.rows]
        rows, sentence = self.text.rows[chosen], self.text.sentence[chosen]
        sizes = random.integers(1, self.settings.window, len(rows), endpoint=True)
        longest = int(np.bincount(sentence, minlength=1).max()) - 1
        reach = min(self.settings.window, longest)
        offsets = np.delete(np.arange(-reach, reach + 1), reach)
        order = random.permutation(len(rows))
        meanings = stream(self.seed, "translations of words", number)
        for start in range(0, len(order), self.settings.batch_size):
            centre = order[start : start + self.settings.batch_size]
            place = (centre[:, None] + offsets).clip(0, len(rows) - 1)
            is_near = np.abs(offsets) <= sizes[centre][:, None]
            is_inside = (place == centre[:, None] + offsets) & (sentence[place] == sentence[centre][:, None])
            context = np.where(is_near & is_inside, rows[place], 0)
            has_context = context.any(1)
            if has_context.any():
                words = rows[centre[has_context]]
                parts = context[has_context], words, self._negatives(words, random), self._meanings(words, meanings)
                yield Windows(*map(torch.from_numpy, parts))

    def _negatives(self, words: Rows, random: np.random.Generator) -> Rows:
        """Words of the same language, by the power 3/4 of their frequency."""
        bounds = np.array(self.text.bounds)[self.language[words]]
        low, high = self.shares[bounds[:, :1]], self.shares[bounds[:, 1:]]
        drawn = low + (high - low) * random.random((len(words), self.settings.negatives))
        found = np.searchsorted(self.shares, drawn, side="right") - 1
        return found.clip(bounds[:, :1], bounds[:, 1:] - 1)

    def _meanings(self, words: Rows, random: np.random.Generator) -> Rows:
        """The translations of each word into one language, of those that have any by lot."""
        found = self.translations[:, words]  # [languages, words, most]
        if not found.size:
            return np.zeros((len(words), 0), np.int64)
        lot = random.random(found.shape[:2]) * (found[..., 0] > 0)
        return found[lot.argmax(0), np.arange(len(words))]


def train_cbow(model: Cbow, sampler: WindowSampler, epochs: Iterable[int]) -> int:
    """Learn all windows of some epochs with a falling learning rate; returns how many there were."""
    windows = 0
    rate = sampler.settings.learning_rate
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=rate)
    batches = -(-len(sampler.text.rows) // sampler.settings.batch_size)
    total = sampler.settings.epochs * batches
    for epoch in epochs:
        for number, batch in enumerate(sampler.epoch(epoch)):
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 - (epoch * batches + number) / total)
            optimizer.zero_grad()
            model(batch).backward()
            optimizer.step()
            windows += len(batch.centre)
    return windows
