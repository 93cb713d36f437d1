"""Operations of a training step, counted on paper.

A multiplication with its addition counts as two, as ``torch.utils.flop_counter`` counts; all products
of matrices are counted and nothing else. Padding and recomputed activations are left out: how much there
is of them depends on the machine. w is the width, n the rows, v the vocabulary.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from mlalign.losses.fused_vocabulary import KEPT_ENTRIES

FORWARD = 1 / 3  # of what a pass with its gradient costs


@dataclass(frozen=True)
class Cost:
    """What was spent besides an alignment's budget, by a stage or to make what it reads.

    Attributes:
        sentences: read, each as often as it was.
        tokens: positions that an encoder has read; in a pass without gradient they count a third.
        flops: operations.
        seconds: that it took.
    """

    sentences: int
    tokens: int
    flops: int
    seconds: float


def matrix_entries(module: nn.Module, *, learned: bool = False) -> int:
    """Entries of all matrices that a module multiplies each position with, or those that learn: linear ones, LSTMs'."""
    layers = (one for one in module.modules() if isinstance(one, nn.Linear | nn.LSTM))
    matrices = (one for layer in layers for one in layer.parameters(recurse=False) if one.dim() == 2)
    return sum(one.numel() for one in matrices if one.requires_grad or not learned)


def linear_operations(rows: int, weights: int, *, frozen: bool = False) -> int:
    """A linear layer: its product, and two more for the gradients of its input and of its weights, if these learn."""
    return (4 if frozen else 6) * rows * weights


def read_operations(model: nn.Module, lengths: ArrayLike, *, frozen: bool = False, adapter: int = 0) -> int:
    """Forward and backward of a pretrained model's layers, see ``encoder_operations``.

    Args:
        model: transformers', without its head.
        lengths: positions of each sequence.
        frozen: its weights learn nothing, and what is in front of them does.
        adapter: entries of matrices that learn nevertheless.
    """
    config: Any = model.config
    layers: int = config.num_hidden_layers if hasattr(config, "num_attention_heads") else 0
    weights, width = matrix_entries(model), int(config.hidden_size)
    slopes = 2 * int(np.asarray(lengths, np.int64).sum()) * adapter
    return encoder_operations(lengths, weights=weights, layers=layers, width=width, frozen=frozen) + slopes


def forward_cost(model: nn.Module, lengths: ArrayLike, *, seconds: float) -> Cost:
    """What it costs to read sentences of so many positions without gradient."""
    positions = np.asarray(lengths, np.int64)
    flops = round(FORWARD * read_operations(model, positions))
    return Cost(len(positions), round(FORWARD * int(positions.sum())), flops, seconds)


def encoder_operations(
    lengths: ArrayLike, *, weights: int, layers: int, width: int, fused: bool = False, frozen: bool = False
) -> int:
    """Forward and backward of all layers.

    Attention is two products of length x w a token forward and twice that backward.

    Args:
        lengths: positions of each sequence.
        weights: of the linear layers of all layers together, 12 w^2 a layer in BERT's form.
        layers: of the encoder.
        width: w.
        fused: a fused kernel computes one product of attention once more.
        frozen: the weights learn nothing, and what is in front of them does.
    """
    positions = np.asarray(lengths, np.int64)
    attention = 14 if fused else 12
    squares = int((positions**2).sum())
    return linear_operations(int(positions.sum()), weights, frozen=frozen) + attention * squares * width * layers


def vocabulary_operations(
    singles: int, mixed: int, width: int, vocabulary: int, *, kept: bool | None = None, frozen: bool = False
) -> int:
    """One pass over the vocabulary, forward and backward, for all word losses.

    Two products of the backward pass give gradients to rows and matrix. Logits are one more; where
    they are too many to be kept, another in the backward pass, and one for rows that are mixed.

    Args:
        singles: rows with a softmax each.
        mixed: rows whose softmaxes are mixed into one per sentence.
        width: w.
        vocabulary: v.
        kept: whether the logits are kept; None: as the pass decides.
        frozen: the matrix learns nothing, which is a product less.
    """
    if kept is None:
        kept = (singles + mixed) * vocabulary <= KEPT_ENTRIES
    products = 3 * (singles + mixed) if kept else 4 * singles + 5 * mixed
    products -= singles + mixed if frozen else 0
    return products * 2 * width * vocabulary


def similarity_operations(pairs: int, width: int) -> int:
    """All similarities between two sets of vectors."""
    return linear_operations(pairs, pairs * width)


def pooling_operations(positions: int, width: int, *, learned: bool = True) -> int:
    """Means of the words of sentences with so many positions, and the words' gradient where one is learned from."""
    return (4 if learned else 2) * positions * width


def discriminator_operations(rows: int, width: int, hidden: int, *, steps: int = 1, evaluations: int = 1) -> int:
    """The game of ``LanguageDiscriminator``.

    Args:
        rows: vectors that it sees.
        width: w of these.
        hidden: width of its layers.
        steps: how often it learns; its first layer gives no gradient to the vectors.
        evaluations: how often its loss is computed.
    """
    later = hidden * hidden + hidden
    weights = width * hidden + later
    learning = 2 * rows * (evaluations * weights + steps * (weights + later))
    confusing = 4 * rows * weights  # through frozen weights: no gradient for them
    return learning + confusing


def hidden_words(lengths: NDArray[np.int64], mask_rate: float) -> int:
    """How many words of sentences with so many are hidden, at least one of each."""
    return int(np.minimum(np.maximum(np.rint(mask_rate * lengths), 1), lengths).sum())


def parsing_operations(words: ArrayLike, width: int, relations: int) -> int:
    """Biaffine scores of every word with all heads, and of its relations with one, forward and backward."""
    found = np.asarray(words, np.int64)
    number, side = int(found.sum()), width + 1
    arcs = linear_operations(number, side**2) + 6 * int((found * (found + 1)).sum()) * side
    return arcs + relations * linear_operations(number, side**2 + side)


def cbow_operations(windows: int, width: int, words: int) -> int:
    """Dot products of each context with so many words that are told apart, forward and backward."""
    return linear_operations(windows, width * words)


@dataclass(frozen=True)
class BatchSize:
    """What the cost of an objective depends on.

    Attributes:
        source, target: words of each sentence.
        links: of each pair, between its words; 0 where none are looked for.
        overhead: positions of a sequence that are no words.
        most_joined: positions of a row that holds both sentences, at most.
        width: of the encoder.
        mask_rate: share of the words of a sentence that are hidden, at least one.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    links: NDArray[np.int64]
    overhead: int
    most_joined: int
    width: int
    mask_rate: float

    def every(self, number: int) -> "BatchSize":
        """Every so many-th pair of it."""
        source, target, links = (one[::number] for one in (self.source, self.target, self.links))
        return replace(self, source=source, target=target, links=links)

    @property
    def pairs(self) -> int:
        """Of all devices together."""
        return len(self.source)

    @property
    def words(self) -> int:
        """Of both languages."""
        return int(self.source.sum() + self.target.sum())

    @property
    def positions(self) -> int:
        """Of both languages."""
        return self.words + 2 * self.pairs * self.overhead

    @property
    def joined(self) -> NDArray[np.int64]:
        """Positions of each pair in one row, whose second sentence has no first token of its own."""
        return np.minimum(self.source + self.target + 2 * self.overhead - 1, self.most_joined)

    @property
    def masked(self) -> int:
        """Words that are hidden, of both languages."""
        return hidden_words(np.concatenate([self.source, self.target]), self.mask_rate)


class VocabularyRows(NamedTuple):
    """What an objective brings to the pass over the vocabulary.

    Attributes:
        words: that go through the head's transform.
        singles: rows with a softmax each.
        mixed: rows whose softmaxes are mixed into one per sentence.
    """

    words: int
    singles: int
    mixed: int = 0
