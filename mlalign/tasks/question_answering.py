"""Questions whose answer is a span of a context: its first and last token are found."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from mlalign.data.readers import Question, RawText
from mlalign.data.sequences import SequenceBuilder
from mlalign.files import JsonObject
from mlalign.metrics.tasks import Prediction
from mlalign.metrics.tasks.question_answering import AnswerF1
from mlalign.tasks.base import LearnedTask, Prepared, TaskBatch

# As XTREME sets them for XQuAD, in tokens.
STRIDE = 128  # from one window of a context to the next
LONGEST_QUESTION = 64
LONGEST_ANSWER = 30
NO_ANSWER = [0, 0]  # the first token of a window that does not hold the answer


class Span(NamedTuple):
    """The best answer of a window: the sum of its two logits, and its characters in the context."""

    score: float
    start: int
    end: int


class QuestionAnswering(LearnedTask[Question, Span]):
    """A linear layer on every token gives a logit for the answer's start and one for its end."""

    metric = AnswerF1()
    on_tokens = True
    reads = ("question", "context")
    is_plain = False  # an answer is a place in its context

    def encode(self, examples: Sequence[Question], language: str, builder: SequenceBuilder) -> list[Prepared]:
        """The question and a window of the context; windows of a long context overlap."""
        questions = builder.words([one.question for one in examples])
        contexts = list(dict.fromkeys(one.context for one in examples))  # several questions share one
        encoded = dict(zip(contexts, zip(*builder.words_and_characters(contexts), strict=True), strict=True))
        prepared = []
        for place, (example, question) in enumerate(zip(examples, questions, strict=True)):
            context, characters = encoded[example.context]
            asked = question[: min(LONGEST_QUESTION, builder.pair_budget // 2)]
            room = builder.pair_budget - len(asked)
            answer = tokens_of(characters, example.starts[0], example.starts[0] + len(example.answers[0]))
            for start in window_starts(len(context), room):
                window = slice(start, start + room)
                sequence = builder.pair(asked, context[window], language)
                shift = len(sequence.ids) - 1 - len(context[window]) - start  # from the context to the sequence
                inside = answer is not None and start <= answer[0] and answer[1] < start + room
                labels = [token + shift for token in answer] if answer is not None and inside else NO_ANSWER
                prepared.append(Prepared(sequence, labels, place, start, characters[window]))
        return prepared

    def collate(self, rows: Sequence[Prepared], language: str, builder: SequenceBuilder) -> TaskBatch:
        """A padded batch in which every token of a context has its characters."""
        batch = super().collate(rows, language, builder)
        characters = torch.zeros(*batch.subwords.input_ids.shape, 2, dtype=torch.int32)
        for row, one in zip(characters, rows, strict=True):
            assert one.characters is not None
            last = len(one.sequence.ids) - 1
            row[last - len(one.characters) : last] = torch.from_numpy(one.characters)
        return batch._replace(characters=characters)

    @property
    def outputs(self) -> int:
        """Start and end."""
        return 2

    def logits(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """``[batch, 2, length]``: start and end over the context and the first token, which means no answer."""
        allowed = _can_answer(batch)
        allowed[:, 0] = True
        return outputs.transpose(1, 2).masked_fill(~allowed[:, None], -math.inf)

    def unlabelled(self, raw: RawText, language: str) -> Question:
        """With an answer of nothing, which no token holds."""
        question, context = raw.texts
        return Question(raw.id, question.strip(), context, ("",), (0,))

    def answer(self, example: Question, decoded: Span) -> JsonObject:
        """The answer's text, where it stands in the context, and the sum of the logits of its two ends."""
        found = super().answer(example, decoded)
        return found | {"start": decoded.start, "end": decoded.end, "score": round(decoded.score, 6)}

    def decode(self, outputs: Tensor, batch: TaskBatch) -> list[Span]:
        """The span of the context whose logits have the largest sum, among all that are not too long."""
        assert batch.characters is not None
        outputs = outputs.float().masked_fill(~_can_answer(batch)[..., None], -math.inf)
        starts, ends = outputs.unbind(-1)
        ends = pad(ends, (0, LONGEST_ANSWER - 1), value=-math.inf).unfold(1, LONGEST_ANSWER, 1)
        score, place = (starts[..., None] + ends).flatten(1).max(1)  # over first token and tokens after it
        first = place // LONGEST_ANSWER
        last = first + place % LONGEST_ANSWER
        row = torch.arange(len(first), device=first.device)
        characters = batch.characters[row, first, 0], batch.characters[row, last, 1]
        return [Span(*one) for one in zip(score.tolist(), *(side.tolist() for side in characters), strict=True)]

    def merge(self, pieces: Sequence[Span]) -> Span:
        """The best of all windows."""
        return max(pieces)

    def prediction(self, example: Question, decoded: Span) -> Prediction:
        """The answer's text, beside all right ones."""
        return Prediction(example.id, list(example.answers), example.context[decoded.start : decoded.end])

    def is_finite(self, decoded: Span) -> bool:
        """Whether the logits are."""
        return math.isfinite(decoded.score)


def window_starts(tokens: int, room: int) -> list[int]:
    """Where windows of ``room`` tokens begin, so that together they cover all and each pair overlaps."""
    step = min(STRIDE, max(1, room // 2))
    return [0, *range(step, tokens - room + step, step)]


def tokens_of(characters: NDArray[np.int32], start: int, end: int) -> tuple[int, int] | None:
    """First and last of the tokens that hold some of these characters; None if there is none.

    Args:
        characters: of every token, ``[tokens, 2]``, where it starts and ends.
        start: of the answer, in characters.
        end: the same, exclusive.
    """
    (inside,) = np.nonzero((characters[:, 1] > start) & (characters[:, 0] < end) & (characters[:, 1] > 0))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def _can_answer(batch: TaskBatch) -> Tensor:
    """Tokens of the context that hold a character, ``[batch, length]``."""
    assert batch.characters is not None
    return batch.characters[..., 1] > 0
