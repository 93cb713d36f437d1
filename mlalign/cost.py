"""Operations of a training step, counted on paper.

A multiplication with its addition counts as two, as ``torch.utils.flop_counter`` counts; all products
of matrices are counted and nothing else. Padding and recomputed activations are left out: how much there
is of them depends on the machine. w is the width, n the rows, v the vocabulary.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from mlalign.losses.fused_vocabulary import KEPT_ENTRIES


def matrix_entries(module: nn.Module) -> int:
    """Entries of all matrices that a module multiplies each position with: of linear layers and of LSTMs."""
    layers = (one for one in module.modules() if isinstance(one, nn.Linear | nn.LSTM))
    return sum(one.numel() for layer in layers for one in layer.parameters(recurse=False) if one.dim() == 2)


def linear_operations(rows: int, weights: int) -> int:
    """A linear layer: its product, and two more for the gradients of its input and of its weights."""
    return 6 * rows * weights


def encoder_operations(lengths: ArrayLike, *, weights: int, layers: int, width: int, fused: bool = False) -> int:
    """Forward and backward of all layers.

    Attention is two products of length x w a token forward and twice that backward.

    Args:
        lengths: positions of each sequence.
        weights: of the linear layers of all layers together, 12 w^2 a layer in BERT's form.
        layers: of the encoder.
        width: w.
        fused: a fused kernel computes one product of attention once more.
    """
    positions = np.asarray(lengths, np.int64)
    attention = 14 if fused else 12
    squares = int((positions**2).sum())
    return linear_operations(int(positions.sum()), weights) + attention * squares * width * layers


def vocabulary_operations(singles: int, mixed: int, width: int, vocabulary: int, *, kept: bool | None = None) -> int:
    """One pass over the vocabulary, forward and backward, for all word losses.

    Two products of the backward pass give gradients to rows and matrix. Logits are one more; where
    they are too many to be kept, another in the backward pass, and one for rows that are mixed.

    Args:
        singles: rows with a softmax each.
        mixed: rows whose softmaxes are mixed into one per sentence.
        width: w.
        vocabulary: v.
        kept: whether the logits are kept; None: as the pass decides.
    """
    if kept is None:
        kept = (singles + mixed) * vocabulary <= KEPT_ENTRIES
    products = 3 * (singles + mixed) if kept else 4 * singles + 5 * mixed
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


@dataclass(frozen=True)
class BatchSize:
    """What the cost of an objective depends on.

    Attributes:
        source, target: words of each sentence.
        overhead: positions of a sequence that are no words.
        width: of the encoder.
        mask_rate: share of the words of a sentence that are hidden, at least one.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    overhead: int
    width: int
    mask_rate: float

    def every(self, number: int) -> "BatchSize":
        """Every so many-th pair of it."""
        return replace(self, source=self.source[::number], target=self.target[::number])

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
    def masked(self) -> int:
        """Words that are hidden, of both languages."""
        words = np.concatenate([self.source, self.target])
        return int(np.minimum(np.maximum(np.rint(self.mask_rate * words), 1), words).sum())


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
