"""The cost model: operations, bytes and seconds of a step on paper, by its shape.

Operations are those of ``mlalign.cost``; ``benchmarks/cost_model.py`` checks them against torch's
counter and the seconds against a clock. w is the width, n the rows, v the vocabulary.
"""

from dataclasses import dataclass

from shapes import Shape

from mlalign import cost
from mlalign.pricing import model

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Method:
    """What a step computes besides the encoder, counted in rows.

    Args:
        masked: rows of the masked-word loss, both languages together.
        distribution: words that the word distribution sees, both languages together.
        pooled: whether their sentences predict with one softmax each.
        sentences: whether the sentence losses are there: 0 none, 1 inter, 2 inter and intra.
        levels: whether the language game and both fusions are there.
        vocabulary: words that are normalised over; None for all.
    """

    masked: int = 0
    distribution: int = 0
    pooled: bool = False
    sentences: int = 0
    levels: bool = False
    vocabulary: int | None = None


def encoder_operations(shape: Shape, *, fused: bool = False) -> int:
    """Forward and backward of an encoder of BERT's form: 72 w^2 a token and layer, and attention."""
    lengths = [shape.length] * (2 * shape.pairs)
    weights = 12 * shape.width**2 * shape.layers
    return cost.encoder_operations(lengths, weights=weights, layers=shape.layers, width=shape.width, fused=fused)


def masked_model_operations(shape: Shape) -> int:
    """Transformers' masked-language model: its head sees every position."""
    head = cost.linear_operations(shape.tokens, shape.width * (shape.width + shape.vocabulary))
    return encoder_operations(shape) + head


def step_operations(shape: Shape, method: Method, *, fused: bool = False) -> dict[str, int]:
    """This project's step, part by part."""
    width, sentences = shape.width, 2 * shape.pairs
    square = width**2
    rows = method.masked + method.distribution
    similarities = {0: 0, 1: 1, 2: 3}[method.sentences]
    parts = {
        "encoder": encoder_operations(shape, fused=fused),
        "sentence losses": similarities * cost.similarity_operations(shape.pairs, width),
        "head's transform": cost.linear_operations(rows, square),
    }
    if method.levels:
        discriminator = cost.discriminator_operations(sentences, width, width)
        parts["language game"] = discriminator + cost.pooling_operations(shape.tokens, width)
        parts["fusions"] = cost.linear_operations(sentences + 4 + 3 * rows, square)
    singles = method.masked + (sentences if method.pooled and method.distribution else 0)
    mixed = 0 if method.pooled else method.distribution
    vocabulary = method.vocabulary or shape.vocabulary
    parts["vocabulary"] = cost.vocabulary_operations(singles, mixed, shape.width, vocabulary)
    return parts


def parameters(shape: Shape) -> int:
    """Of XLM-R's form: embeddings of words, 514 positions and one type, layers, head."""
    width = shape.width
    layer = 12 * width**2 + 13 * width
    embeddings = (shape.vocabulary + 514 + 1) * width + 2 * width
    return embeddings + shape.layers * layer + width**2 + 3 * width + shape.vocabulary


def kept_bytes(shape: Shape, *, bfloat16: bool = False, fused: bool = False) -> int:
    """What the encoder's forward keeps for its backward pass, weights not counted."""
    return model.kept_bytes(of_model(shape), shape.tokens, shape.length, model.Computed(bfloat16, fused))


def memory_bytes(shape: Shape, method: Method, *, bfloat16: bool = False, fused: bool = False) -> int:
    """Held at the same time at most."""
    sentences = 2 * shape.pairs if method.pooled and method.distribution else 0
    mixed = 0 if method.pooled else method.distribution
    rows = cost.VocabularyRows(0, method.masked + sentences, mixed)
    kept = kept_bytes(shape, bfloat16=bfloat16, fused=fused)
    return model.peak_bytes(of_model(shape), kept, rows, method.vocabulary or shape.vocabulary)


def of_model(shape: Shape) -> model.Shape:
    """As prices know it."""
    every = parameters(shape)
    return model.Shape(every, every, every, shape.vocabulary * shape.width, shape.layers, shape.width, shape.heads)


def moved_bytes(shape: Shape, method: Method, *, dense_gradients: int) -> int:
    """What a step writes or reads outside its products of matrices, roughly.

    All that is kept is written, read and has a gradient of its size; a dense gradient of the
    embeddings is filled with zeros, and added to another one or to nothing; logits pass five times.
    """
    sentences = 2 * shape.pairs
    rows = method.masked + (sentences if method.pooled else method.distribution)
    vocabulary = method.vocabulary or shape.vocabulary
    return (
        3 * kept_bytes(shape)
        + 2 * dense_gradients * FLOAT * shape.vocabulary * shape.width
        + 5 * FLOAT * rows * vocabulary
    )


def sent_bytes(shape: Shape, ranks: int) -> dict[str, float]:
    """What each rank sends in a step: a ring's share of the gradients, and sentence vectors.

    The vectors of both languages go to every other rank, and their gradients come back summed.
    """
    share = (ranks - 1) / ranks
    vectors = FLOAT * 2 * shape.pairs * shape.width * (ranks - 1)
    return {
        "gradients": 2 * share * FLOAT * parameters(shape),
        "gathered sentence vectors": 3 * vectors,
    }


def seconds(operations: float, moved: float, *, rate: float, bandwidth: float) -> float:
    """Products of matrices at a rate, and everything else at the speed of memory."""
    return operations / rate + moved / bandwidth
