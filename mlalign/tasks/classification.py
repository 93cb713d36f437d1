"""Texts, or pairs of texts, that have one label each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from mlalign.data.readers import UNLABELLED, LabelledText, RawText
from mlalign.data.sequences import SequenceBuilder
from mlalign.metrics.tasks import Prediction
from mlalign.metrics.tasks.classification import Accuracy
from mlalign.tasks.base import LearnedTask, Prepared, TaskBatch


class Classified(NamedTuple):
    """The likeliest label and the probabilities of all."""

    label: int
    probabilities: list[float]


class Classification(LearnedTask[LabelledText, Classified]):
    """A head on the sentence vector.

    Args:
        labels: of the task.
        windows: whether a text that is too long is read in windows, whose vectors' mean is its own, as LASER
            averages the sentences of a document (arXiv:1812.10464); otherwise it is cut.
    """

    metric = Accuracy()
    on_tokens = False
    pipeline = "text-classification"

    def __init__(self, labels: Sequence[str], *, windows: bool = False) -> None:
        super().__init__(labels)
        self.windows = windows

    def encode(self, examples: Sequence[LabelledText], language: str, builder: SequenceBuilder) -> list[Prepared]:
        """A text that is too long is cut, for its beginning tells the topic, or read in windows; a pair is cut."""
        sides = [builder.words(texts) for texts in zip(*(one.texts for one in examples), strict=True)]
        prepared = []
        for place, (example, *words) in enumerate(zip(examples, *sides, strict=True)):
            if len(words) > 1:
                prepared.append(Prepared(builder.pair(words[0], words[1], language), example.label, place))
                continue
            windows = in_windows(words[0], builder.budget) if self.windows else [words[0]]
            first, *more = (builder.single(window, language) for window in windows)
            prepared.append(Prepared(first, example.label, place, more=tuple(more)))
        return prepared

    def example_of(self, text: str, language: str) -> LabelledText:
        """One text, whatever the task has."""
        return LabelledText("", (text,), UNLABELLED)

    def with_words(self, example: LabelledText, replaced: Callable[[str], Sequence[str]]) -> LabelledText:
        """Split at spaces."""
        texts = (" ".join(new for word in text.split() for new in replaced(word)) for text in example.texts)
        return replace(example, texts=tuple(texts))

    def labelled(self, example: LabelledText, decoded: Classified) -> LabelledText:
        """With the likeliest label."""
        return replace(example, label=decoded.label)

    def blank(self, example: LabelledText) -> LabelledText:
        """With the first label."""
        return replace(example, label=0)

    def unlabelled(self, raw: RawText, language: str) -> LabelledText:
        """As a reader has it, without white space around."""
        return LabelledText(raw.id, tuple(text.strip() for text in raw.texts), 0)

    def decode(self, outputs: Tensor, batch: TaskBatch) -> list[Classified]:
        """The likeliest label."""
        logits = outputs.float()
        best, shares = logits.argmax(-1).tolist(), logits.softmax(-1).cpu().tolist()
        return [Classified(*both) for both in zip(best, shares, strict=True)]

    def merge(self, pieces: Sequence[Classified]) -> Classified:
        """A text is one piece."""
        (whole,) = pieces
        return whole

    def prediction(self, example: LabelledText, decoded: Classified) -> Prediction:
        """The labels' names, and the probabilities to six digits."""
        shares = zip(self.labels, decoded.probabilities, strict=True)
        rounded = {label: round(share, 6) for label, share in shares}
        names = self.labels[example.label], self.labels[decoded.label]
        return Prediction(example.id, *names, {"probabilities": rounded})

    def is_finite(self, decoded: Classified) -> bool:
        """Whether all probabilities are."""
        return all(map(math.isfinite, decoded.probabilities))


def in_windows(words: Sequence[int], room: int) -> list[Sequence[int]]:
    """A text in as few successive windows of at most ``room`` tokens as it needs, all of about one length."""
    number = max(1, math.ceil(len(words) / room))
    ends = [len(words) * place // number for place in range(number + 1)]
    return [words[start:end] for start, end in pairwise(ends)]
