"""The price of what makes an encoder beside the alignment: trees, maps, new embeddings, links, a teacher's vectors."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mlalign.config.enums import Stage
from mlalign.config.schema import Train
from mlalign.cost import (
    FORWARD,
    VocabularyRows,
    hidden_words,
    linear_operations,
    parsing_operations,
    read_operations,
    vocabulary_operations,
)
from mlalign.data.token_cache import Tokenised
from mlalign.data.trees import read_trees
from mlalign.finetuning.parsing import encode_trees
from mlalign.models.backbone import vocabulary_size
from mlalign.models.sentence_encoder import SentenceEncoder
from mlalign.pricing.device import Device, Work
from mlalign.pricing.model import Shape, kept_bytes, moved_bytes, peak_bytes
from mlalign.pricing.stages import NO_WORDS, Ints, StagePrice, forward_work, learning_work, reading_price
from mlalign.pricing.text import SampledText
from mlalign.stages.parse import divided
from mlalign.stages.swap import shares
from mlalign.stages.teacher import Teacher
from mlalign.wording import plural

FRAME = 2  # special tokens of a sentence without one of its language
PRICED = (Stage.parse, Stage.centred, Stage.linear_map, Stage.swap)  # vectors of words learn without an encoder


def stage_price(
    name: Stage,
    config: Train,
    text: SampledText,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    at_once: int,
    device: Device,
) -> StagePrice:
    """Of a stage in ``PRICED``.

    Args:
        name: of the stage.
        text: parallel.
        model: that it starts from; all of it learns.
        tokenizer: its own.
        at_once: tokens that go through the encoder at a time.
        device: that it is priced on.
    """
    if name == Stage.parse:
        return _parsing(config, text, model, tokenizer, at_once, device)
    tables = text.tables(tokenizer)
    if name == Stage.swap:
        return _swapping(config, text, model, tokenizer, tables, device)
    most, overhead = config.align.prototype_sentences, text.layout(tokenizer, config.align.max_length).overhead
    pairs = {language: min(most, number) for language, number in text.pairs(tables).items()}
    lengths = _both_sides(tables, pairs, overhead)
    return reading_price(str(name), f"{plural(sum(pairs.values()), 'pair')} read", model, lengths, at_once, device)


def links_price(
    tables: Mapping[str, Tokenised], pairs: Mapping[str, int], model: PreTrainedModel, at_once: int, device: Device
) -> StagePrice:
    """Of links by the encoder: both sides of all pairs are read once.

    Args:
        tables: of the sample.
        pairs: language -> how many there are.
        model: that reads.
        at_once: tokens that go through the encoder at a time.
        device: that it is priced on.
    """
    lengths = _both_sides(tables, pairs, FRAME)
    return reading_price("links", f"{plural(sum(pairs.values()), 'pair')} read", model, lengths, at_once, device)


def teacher_price(
    teacher: Teacher, tables: Mapping[str, Tokenised], pairs: Mapping[str, int], at_once: int, device: Device
) -> StagePrice:
    """Of the vectors of ``data.teacher``: its own encoder has read the pivot's sentences of the sample, each once.

    Args:
        teacher: whose vectors of the sample are made.
        tables: of the sample.
        pairs: language -> how many there are.
        at_once: tokens that go through the encoder at a time.
        device: that it is priced on.
    """
    sampled, model = teacher.cost(tables), SentenceEncoder(teacher.folder, teacher.called, device="cpu").model
    number = round(sampled.sentences * sum(pairs.values()) / sum(map(len, tables.values())))
    lengths = np.full(number, round(sampled.tokens / FORWARD / sampled.sentences), np.int64)
    return reading_price("teacher", f"{plural(number, 'sentence')} read", model, lengths, at_once, device)


def _both_sides(tables: Mapping[str, Tokenised], pairs: Mapping[str, int], overhead: int) -> Ints:
    """Positions of so many sentences of each side, as those of the sample are."""
    sides = [
        np.resize(side, pairs[language])
        for language, table in tables.items()
        for side in (table.source_lengths, table.target_lengths)
    ]
    return np.concatenate(sides).astype(np.int64) + overhead


def _parsing(
    config: Train,
    text: SampledText,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    at_once: int,
    device: Device,
) -> StagePrice:
    """Of learning trees, those that are held out scored after every epoch."""
    assert config.data.trees is not None  # looked for
    assert config.align.seed is not None  # resolved
    settings, trees = config.parse, read_trees(Path(config.data.trees))
    builder = text.layout(tokenizer, config.align.max_length)
    learned, held_out = (encode_trees(part, builder) for part in divided(trees, settings.held_out, config.align.seed))
    lengths, others = (np.array([len(one.sequence.ids) for one in part], np.int64) for part in (learned, held_out))
    relations = len({name for tree in trees for name in tree.relations})
    shape, updates = Shape.of(model), settings.epochs * -(-len(lengths) // settings.batch_size)
    words = parsing_operations([len(one.tree.heads) for one in learned], shape.width, relations)
    once = learning_work(model, lengths, at_once, device) + forward_work(model, others, at_once, device)
    work = replace(once * settings.epochs, passes=max(updates, once.passes * settings.epochs))
    work = replace(work, operations=work.operations + settings.epochs * words)
    longest = int(lengths.max(initial=1))
    kept = kept_bytes(shape, min(at_once, settings.batch_size * longest), longest, device.computed)
    return StagePrice(
        "parse",
        f"{plural(updates, 'step')} of {plural(settings.batch_size, 'tree')}",
        settings.epochs * float(lengths.sum() + FORWARD * others.sum()),
        work.operations,
        device.seconds(work, shape, updates=updates),
        peak_bytes(shape, kept, NO_WORDS, 0),
    )


def _swapping(
    config: Train,
    text: SampledText,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tables: Mapping[str, Tokenised],
    device: Device,
) -> StagePrice:
    """Of masked words of English, then of each other language under the body that stays as it is."""
    align, vocabulary, shape = config.align, vocabulary_size(tokenizer), Shape.of(model)
    overhead = text.layout(tokenizer, align.max_length).overhead
    rows = -(-align.batch_size // align.masked_every)
    steps, steps_of = shares(align.steps, len(tables))
    sources = np.concatenate([table.source_lengths for table in tables.values()])
    sides = [(sources, steps, False)]
    sides += [(one.target_lengths, own, True) for one, own in zip(tables.values(), steps_of, strict=True)]
    work, tokens, memory = Work(0.0, 0.0, 0.0), 0.0, 0.0
    for lengths, updates, frozen in sides:
        batches, batch = updates * align.accumulate, np.resize(lengths, max(rows, len(lengths))).astype(np.int64)
        share = rows / len(batch)  # of these sentences that a batch has
        positions, masked = round(share * (batch + overhead).sum()), round(share * hidden_words(batch, align.mask_rate))
        operations = share * read_operations(model.base_model, batch + overhead, frozen=frozen)
        operations += linear_operations(masked, shape.width**2, frozen=frozen)
        operations += vocabulary_operations(masked, 0, shape.width, vocabulary)
        of_words = VocabularyRows(masked, masked)
        kept = kept_bytes(shape, positions, align.max_length, device.computed)
        moved = moved_bytes(shape, kept, of_words, vocabulary)
        work += Work(operations, moved, 1) * batches
        tokens += positions * batches
        memory = max(memory, peak_bytes(shape, kept, of_words, vocabulary, accumulates=align.accumulate > 1))
    return StagePrice(
        "swap",
        f"{plural(align.steps, 'step')} of {plural(rows, 'sentence')}",
        tokens,
        work.operations,
        device.seconds(work, shape, updates=align.steps),
        memory,
    )
