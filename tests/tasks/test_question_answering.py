"""Answers are found again in every window, decoded as loops decode them, and learned."""

import itertools
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from mlalign.data.readers import Question
from mlalign.data.sequences import SequenceBuilder
from mlalign.models.backbone import add_language_tokens, known_languages, load_backbone
from mlalign.tasks.base import IGNORED
from mlalign.tasks.question_answering import (
    LONGEST_ANSWER,
    STRIDE,
    QuestionAnswering,
    Span,
    tokens_of,
    window_starts,
)

TASK = QuestionAnswering([])


@pytest.fixture(params=[True, False], ids=["language tokens", "plain"])
def builder(family_folder, request):
    model, tokenizer = load_backbone(family_folder, attention="eager")
    if not request.param:
        return SequenceBuilder(tokenizer, {}, max_length=32)
    counts = {language: torch.ones(len(tokenizer), dtype=torch.long) for language in ("en", "ru")}
    add_language_tokens(model, tokenizer, counts, start="type_mean", least=1)
    return SequenceBuilder(tokenizer, known_languages(tokenizer, ["en", "ru"]), max_length=32)


@pytest.fixture
def examples(sentences):
    """Contexts of one to eight sentences, the answer a word of one of them; some contexts are shared."""
    found = []
    for number, language in itertools.product(range(12), ("en", "ru")):
        context = "  ".join(sentences[language][number // 2 : number // 2 + 1 + number // 2 % 8])
        words = context.split()
        answer = words[number * 7 % len(words)]
        question = " ".join(sentences[language][number : number + 1 + number % 3])
        found.append(Question(str(len(found)), question, context, (answer,), (context.index(answer),)))
    return found


def test_windows_cover_the_context_and_overlap():
    for tokens, room in itertools.product(range(1, 60), range(1, 20)):
        starts = window_starts(tokens, room)
        assert {place for start in starts for place in range(start, min(start + room, tokens))} == set(range(tokens))
        assert all(0 < two - one <= max(1, room // 2) for one, two in itertools.pairwise(starts))
        assert len(starts) == 1 or starts[-2] + room < tokens  # none is needless
    assert window_starts(1000, 400)[:3] == [0, STRIDE, 2 * STRIDE]


def test_an_answer_is_where_its_characters_are(builder, examples):
    prepared = TASK.encode(examples, "en", builder)
    assert len(prepared) > len(examples)
    seen = set()
    for one in prepared:
        example, ids = examples[one.example], one.sequence.ids
        assert len(ids) <= builder.max_length
        before = len(ids) - 1 - len(one.characters)
        first, last = one.labels
        if first == 0:
            assert last == 0
            continue
        assert before <= first <= last < len(ids) - 1
        start, end = one.characters[first - before, 0], one.characters[last - before, 1]
        assert start <= example.starts[0]
        assert example.starts[0] + len(example.answers[0]) <= end
        assert example.answers[0] in example.context[start:end]
        assert len(example.context[start:end].split()) == 1  # of tokens that hold it, and no others
        seen.add(one.example)
    assert seen == set(range(len(examples)))  # each fits into a window


def test_characters_of_a_batch_are_those_of_its_contexts(builder, examples):
    prepared = TASK.encode(examples, "en", builder)
    batch = TASK.collate(prepared, "en", builder)
    assert batch.scored == 2 * len(prepared)
    for row, mask, one in zip(batch.characters, batch.subwords.is_content_token, prepared, strict=True):
        context = examples[one.example].context
        texts = [context[start:end] for start, end in row.tolist() if end]
        assert all(text and text == text.strip() for text in texts)
        assert not row[~mask].any()
        if one.first == 0:
            assert context.startswith(texts[0])


def outputs_and_batch(builder, examples):
    prepared = TASK.encode(examples, "en", builder)
    batch = TASK.collate(prepared, "en", builder)
    draw = torch.Generator().manual_seed(1)
    return torch.randn(*batch.subwords.input_ids.shape, 2, generator=draw), batch


def test_the_best_span_is_that_of_loops(builder, examples):
    outputs, batch = outputs_and_batch(builder, examples)
    for row, found in enumerate(TASK.decode(outputs, batch)):
        best = Span(-math.inf, 0, 0)
        places = [place for place, (_, end) in enumerate(batch.characters[row].tolist()) if end]
        for first, last in itertools.product(places, places):
            if first <= last < first + LONGEST_ANSWER:
                score = float(outputs[row, first, 0] + outputs[row, last, 1])
                start, end = int(batch.characters[row, first, 0]), int(batch.characters[row, last, 1])
                best = max(best, Span(score, start, end))
        assert found.score == pytest.approx(best.score)
        assert found[1:] == best[1:]


def test_an_answer_is_not_longer_than_allowed_and_not_outside_the_context(tokenizer, sentences):
    builder = SequenceBuilder(tokenizer, {}, max_length=300)
    context = " ".join(sentences["en"][:5])
    batch = TASK.collate(TASK.encode([Question("1", "who?", context, ("the",), (0,))], "en", builder), "en", builder)
    length = batch.subwords.input_ids.shape[1]
    outputs = torch.zeros(1, length, 2)
    outputs[0, :3] = 100.0  # of the question
    places = (batch.characters[0, :, 1] > 0).nonzero().flatten()
    outputs[0, places[0], 0] = outputs[0, places[-1], 1] = 50.0
    outputs[0, places[LONGEST_ANSWER - 1], 1] = 10.0
    outputs[0, places[LONGEST_ANSWER], 1] = 20.0  # one too far from the best start
    (found,) = TASK.decode(outputs, batch)
    assert found.score == 60
    assert found.start == 0
    assert found.end == batch.characters[0, places[LONGEST_ANSWER - 1], 1]


def test_the_loss_is_the_cross_entropy_over_context_and_no_answer(builder, examples):
    outputs, batch = outputs_and_batch(builder, examples)
    expected = torch.zeros(())
    for row, labels in enumerate(batch.labels.tolist()):
        allowed = [0, *(batch.characters[row, :, 1] > 0).nonzero().flatten().tolist()]
        for side, label in enumerate(labels):
            expected = expected + cross_entropy(outputs[row, allowed, side], torch.tensor(allowed.index(label)))
    torch.testing.assert_close(TASK.loss(outputs, batch), expected)
    unlabelled = batch._replace(labels=torch.full_like(batch.labels, IGNORED))
    assert TASK.loss(outputs, unlabelled) == 0
    half = TASK.loss(outputs.half(), batch)
    assert half.dtype == torch.float32


def test_the_best_window_answers(examples):
    pieces = [(1, 0, Span(3.0, 0, 2)), (0, 9, Span(2.0, 4, 8)), (0, 0, Span(1.0, 1, 3)), (0, 9, Span(2.0, 4, 8))]
    merged = TASK.merged(pieces)
    assert merged == [Span(2.0, 4, 8), Span(3.0, 0, 2)]
    first, second = TASK.predictions(examples[:2], merged)
    assert first.predicted == examples[0].context[4:8]
    assert first.gold == list(examples[0].answers)
    assert second.predicted == examples[1].context[:2]
    assert not TASK.is_finite(Span(math.nan, 0, 1))


def test_an_answer_that_no_token_holds_is_in_no_window(tokenizer):
    builder = SequenceBuilder(tokenizer, {}, max_length=32)
    _, (characters,) = builder.words_and_characters(["the cat   sees"])
    assert tokens_of(characters, 8, 9) is None
    assert tokens_of(characters, 100, 101) is None
    assert tokens_of(characters, 4, 7) is not None
    (one,) = TASK.encode([Question("1", "what?", "the cat   sees", (" ",), (8,))], "en", builder)
    assert one.labels == [0, 0]
