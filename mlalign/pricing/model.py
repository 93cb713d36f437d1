"""Seconds and bytes of a step on paper, from its operations; the constants are those of measured steps.

Kept bytes are torch's own count (``benchmarks/cost_model.py``). Seconds are a roofline's two times added up, products
of matrices at the card's rate and everything else at the speed of its memory, over the share of both that the steps
attained that one H200 was measured with (``benchmarks/results/gpu_check*.json``); ``ERROR`` is how far the model is
off from any of them. w is the width, v the vocabulary, t the positions of a batch.
"""

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike
from transformers import PreTrainedModel

from mlalign.cost import FORWARD, VocabularyRows, matrix_entries, read_operations
from mlalign.losses.fused_vocabulary import KEPT_ENTRIES
from mlalign.models.adapters import frozen_names

FLOAT = 4  # bytes
ATTAINED = 0.37  # of rate and bandwidth
ERROR = 0.3
UPDATE = 28  # bytes a parameter: Adam reads weight, gradient and two moments, and writes all but the gradient
SINGLE, MIXED = 6, 40  # how often each logit of a row is read or written, with a softmax of its own or in a mixture
LAUNCHING = 2.5e-3  # seconds that a host needs to launch the kernels of one layer, forward and backward


@dataclass(frozen=True)
class Shape:
    """Of a transformer of BERT's form."""

    parameters: int  # all
    learned: int  # parameters that learn
    saved: int  # parameters that a checkpoint holds: all but those under an adapter
    embeddings: int  # entries of the matrix of words, which has a dense gradient; 0 where it does not learn
    layers: int  # of the encoder
    width: int  # w
    heads: int  # of attention; 0: no attention

    @classmethod
    def of(cls, model: PreTrainedModel) -> "Shape":
        """Of a model, whose weights are not looked at."""
        config: Any = model.config
        words, under = model.get_input_embeddings().weight, set(frozen_names(model))
        sizes = {name: (one.numel(), one.requires_grad) for name, one in model.named_parameters()}
        return cls(
            sum(size for size, _ in sizes.values()),
            sum(size for size, learns in sizes.values() if learns),
            sum(size for name, (size, _) in sizes.items() if name not in under),
            words.numel() if words.requires_grad else 0,
            int(config.num_hidden_layers),
            int(config.hidden_size),
            int(getattr(config, "num_attention_heads", 0)),
        )

    @property
    def checkpoint(self) -> int:
        """Bytes of what a stage resumes from: weights, and two moments of those that learn."""
        return FLOAT * (self.saved + 2 * self.learned)


@dataclass(frozen=True)
class Computed:
    """How a step is computed."""

    bfloat16: bool  # products of matrices in it; otherwise in float32
    fused: bool  # attention keeps no probabilities
    checkpointing: bool = False  # activations of a layer are computed again


def kept_bytes(shape: Shape, positions: int, length: int, computed: Computed) -> int:
    """What the encoder's forward keeps for its backward pass, weights not counted.

    In bfloat16 a rounded copy of the matrices is among it. With checkpointing it is the input of every layer, and
    all of one.

    Args:
        shape: of the encoder.
        positions: t, padding included.
        length: of the sequences.
        computed: how.
    """
    w = shape.width
    per_position = (50 if computed.bfloat16 else 72) * w + 16
    if not computed.fused:
        per_position += 12 * shape.heads * length
    layer = positions * per_position + (24 * w**2 if computed.bfloat16 else 0)
    embeddings = positions * (8 * w + 24)
    if computed.checkpointing:
        return embeddings + shape.layers * positions * w * FLOAT + layer
    return embeddings + shape.layers * layer


def learning_operations(model: PreTrainedModel, lengths: ArrayLike) -> float:
    """Of the encoder's layers: forward and, where something learns, backward, less where that is an adapter alone.

    Args:
        model: with or without a head.
        lengths: positions of each sequence.
    """
    encoder = model.base_model
    if not any(one.requires_grad for one in encoder.parameters()):
        return FORWARD * read_operations(encoder, lengths)
    frozen = bool(frozen_names(encoder))
    adapter = matrix_entries(encoder, learned=True) if frozen else 0
    return read_operations(encoder, lengths, frozen=frozen, adapter=adapter)


def peak_bytes(shape: Shape, kept: int, rows: VocabularyRows, vocabulary: int, *, accumulates: bool = False) -> int:
    """Held at the same time at most, without what an allocator and a device's context hold.

    All that is kept is there before the first gradient is, and is freed as gradients come. A word loss has a gradient
    of the matrix of words to which that of its use as embeddings is added, and three passes of logits.

    Args:
        shape: of the encoder.
        kept: see ``kept_bytes``.
        rows: of the pass over the vocabulary.
        vocabulary: v.
        accumulates: whether gradients of batches before are there.
    """
    gradients = FLOAT * shape.learned
    entries = (rows.singles + rows.mixed) * vocabulary
    words = 3 * FLOAT * min(KEPT_ENTRIES, entries) + (2 * FLOAT * shape.embeddings if entries else 0)
    before = kept + words + (gradients if accumulates else 0)
    return FLOAT * shape.parameters + 2 * gradients + max(gradients, before)


def moved_bytes(shape: Shape, kept: int, rows: VocabularyRows, vocabulary: int) -> int:
    """What a batch reads or writes outside of products of matrices, its update left out.

    All that is kept is written, read, and has a gradient of its size; a dense gradient of the embeddings is filled
    with zeros, and added to those of a word loss.
    """
    logits = FLOAT * vocabulary * (SINGLE * rows.singles + MIXED * rows.mixed)
    gradients = 2 * FLOAT * shape.embeddings * (3 if rows.singles + rows.mixed else 1)
    return 3 * kept + gradients + logits


def seconds(operations: float, moved: float, layers: float, *, rate: float, bandwidth: float) -> float:
    """What a card takes, or its host to launch it.

    Args:
        operations: in products of matrices.
        moved: bytes outside of them.
        layers: that are launched forward and backward; a third of it forward alone.
        rate: operations a second, as the data sheet has it.
        bandwidth: bytes a second, likewise.
    """
    return max((operations / rate + moved / bandwidth) / ATTAINED, LAUNCHING * layers)
