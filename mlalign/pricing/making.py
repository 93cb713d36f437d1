"""The price of what makes an encoder beside the alignment: trees, maps, new embeddings, links, a teacher's vectors."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from mlalign.config.enums import Stage
from mlalign.config.schema import Align, Train
from mlalign.cost import (
    FORWARD,
    VocabularyRows,
    hidden_words,
    linear_operations,
    parsing_operations,
    read_operations,
    vocabulary_operations,
)
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Tokenised
from mlalign.data.trees import read_trees
from mlalign.finetuning.parsing import encode_trees
from mlalign.models.backbone import vocabulary_size
from mlalign.models.sentence_encoder import SentenceEncoder
from mlalign.pricing.device import Work
from mlalign.pricing.model import moved_bytes, peak_bytes
from mlalign.pricing.stages import NO_WORDS, Pricing, StagePrice
from mlalign.pricing.text import SampledText
from mlalign.stages.parse import divided
from mlalign.stages.swap import shares
from mlalign.stages.teacher import Teacher
from mlalign.wording import plural

FRAME = 2  # special tokens of a sentence without one of its language
PRICED = (Stage.parse, Stage.centred, Stage.linear_map, Stage.swap)  # vectors of words learn without an encoder


def stage_price(
    name: Stage, config: Train, text: SampledText, tokenizer: PreTrainedTokenizerBase, of: Pricing
) -> StagePrice:
    """Of a stage in ``PRICED``.

    Args:
        name: of the stage.
        text: parallel.
        tokenizer: of the model.
        of: the model that it starts from; all of it learns.
    """
    layout = text.layout(tokenizer, config.align.max_length)
    if name == Stage.parse:
        return _parsing(config, layout, of)
    tables = text.tables(tokenizer)
    if name == Stage.swap:
        return _swapping(config.align, tables, layout.overhead, vocabulary_size(tokenizer), of)
    most = config.align.prototype_sentences
    pairs = {language: min(most, number) for language, number in text.pairs(tables).items()}
    return _pairs_read(str(name), tables, pairs, layout.overhead, of)


def links_price(tables: Mapping[str, Tokenised], pairs: Mapping[str, int], of: Pricing) -> StagePrice:
    """Of links by the encoder: both sides of all pairs are read once.

    Args:
        tables: of the sample.
        pairs: language -> how many there are.
        of: the model that reads.
    """
    return _pairs_read("links", tables, pairs, FRAME, of)


def teacher_price(
    teacher: Teacher, tables: Mapping[str, Tokenised], pairs: Mapping[str, int], of: Pricing
) -> StagePrice:
    """Of the vectors of ``data.teacher``: its own encoder has read the pivot's sentences of the sample, each once.

    Args:
        teacher: whose vectors of the sample are made.
        tables: of the sample.
        pairs: language -> how many there are.
        of: what the teacher learns for, on the same device.
    """
    sampled, model = teacher.cost(tables), SentenceEncoder(teacher.folder, teacher.called, device="cpu").model
    number = round(sampled.sentences * sum(pairs.values()) / sum(map(len, tables.values())))
    lengths = np.full(number, round(sampled.tokens / FORWARD / sampled.sentences), np.int64)
    return replace(of, model=model).reading("teacher", f"{plural(number, 'sentence')} read", lengths)


def _pairs_read(
    name: str, tables: Mapping[str, Tokenised], pairs: Mapping[str, int], overhead: int, of: Pricing
) -> StagePrice:
    """Of reading both sides of so many pairs, whose lengths are those of the sample, once."""
    sides = [
        np.resize(side, pairs[language])
        for language, table in tables.items()
        for side in (table.source_lengths, table.target_lengths)
    ]
    lengths = np.concatenate(sides).astype(np.int64) + overhead
    return of.reading(name, f"{plural(sum(pairs.values()), 'pair')} read", lengths)


def _parsing(config: Train, layout: SequenceBuilder, of: Pricing) -> StagePrice:
    """Of learning trees, those that are held out scored after every epoch."""
    assert config.data.trees is not None  # looked for
    settings, trees = config.parse, read_trees(Path(config.data.trees))
    parts = divided(trees, settings.held_out, config.align.own_seed)
    learned, held_out = (encode_trees(part, layout) for part in parts)
    lengths, others = (np.array([len(one.sequence.ids) for one in part], np.int64) for part in (learned, held_out))
    relations = len({name for tree in trees for name in tree.relations})
    updates = settings.epochs * -(-len(lengths) // settings.batch_size)
    words = parsing_operations([len(one.tree.heads) for one in learned], of.shape.width, relations)
    work = (of.learning(lengths) + of.forward(others) + Work(words, 0.0, 0.0)) * settings.epochs
    longest = int(lengths.max(initial=1))
    kept = of.kept(min(of.at_once, settings.batch_size * longest), longest)
    return of.stage(
        "parse",
        f"{plural(updates, 'step')} of {plural(settings.batch_size, 'tree')}",
        settings.epochs * float(lengths.sum() + FORWARD * others.sum()),
        replace(work, passes=max(updates, work.passes)),
        peak_bytes(of.shape, kept, NO_WORDS, 0),
        updates=updates,
    )


def _swapping(align: Align, tables: Mapping[str, Tokenised], overhead: int, vocabulary: int, of: Pricing) -> StagePrice:
    """Of masked words of English, then of each other language under the body that stays as it is."""
    shape, rows = of.shape, -(-align.batch_size // align.masked_every)
    steps, steps_of = shares(align.steps, len(tables))
    sources = np.concatenate([table.source_lengths for table in tables.values()])
    sides = [(sources, steps, False)]
    sides += [(one.target_lengths, own, True) for one, own in zip(tables.values(), steps_of, strict=True)]
    work, tokens, memory = Work(0.0, 0.0, 0.0), 0.0, 0.0
    for lengths, updates, frozen in sides:
        batches, batch = updates * align.accumulate, np.resize(lengths, max(rows, len(lengths))).astype(np.int64)
        share = rows / len(batch)  # of these sentences that a batch has
        positions, masked = round(share * (batch + overhead).sum()), round(share * hidden_words(batch, align.mask_rate))
        operations = share * read_operations(of.model.base_model, batch + overhead, frozen=frozen)
        operations += linear_operations(masked, shape.width**2, frozen=frozen)
        operations += vocabulary_operations(masked, 0, shape.width, vocabulary)
        of_words, kept = VocabularyRows(masked, masked), of.kept(positions, align.max_length)
        work += Work(operations, moved_bytes(shape, kept, of_words, vocabulary), 1) * batches
        tokens += positions * batches
        memory = max(memory, peak_bytes(shape, kept, of_words, vocabulary, accumulates=align.accumulate > 1))
    what = f"{plural(align.steps, 'step')} of {plural(rows, 'sentence')}"
    return of.stage("swap", what, tokens, work, memory, updates=align.steps)
