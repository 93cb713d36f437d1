"""Sentences whose words have a tag each."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from mlalign.data.languages import writes_spaces
from mlalign.data.readers import UNLABELLED, LocatedSentence, RawText, TaggedSentence
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.words import word_spans
from mlalign.files import JsonObject
from mlalign.metrics.spans import spans
from mlalign.metrics.tasks import Prediction
from mlalign.metrics.tasks.tagging import EntityF1
from mlalign.tasks.base import IGNORED, LearnedTask, Prepared, TaskBatch


class Tagged(NamedTuple):
    """The likeliest tag of a word and its probability."""

    tag: int
    probability: float


class Tagging(LearnedTask[TaggedSentence, list[Tagged]]):
    """A linear layer on every token; the tag of a word is on its first token."""

    metric = EntityF1()
    on_tokens = True
    pipeline = "token-classification"
    takes_words = True

    def encode(self, examples: Sequence[TaggedSentence], language: str, builder: SequenceBuilder) -> list[Prepared]:
        """Split a sentence that is too long between words; its pieces are merged after tagging."""
        prepared = []
        split = builder.split_words([example.words for example in examples], language)
        for place, (example, words) in enumerate(zip(examples, split, strict=True)):
            start = 0
            for end in _pieces([min(len(word), builder.budget) for word in words], builder.budget):
                ids: list[int] = []
                tags: list[int] = []
                for word, tag in zip(words[start:end], example.tags[start:end], strict=True):
                    ids += word[: builder.budget]
                    tags += [tag, *[IGNORED] * (min(len(word), builder.budget) - 1)]
                before = [IGNORED] * (builder.overhead - 1)
                prepared.append(Prepared(builder.single(ids, language), [*before, *tags, IGNORED], place, start))
                start = end
        return prepared

    def _labels(self, rows: Sequence[Prepared], length: int) -> Tensor:
        labels = [one.labels for one in rows if isinstance(one.labels, list)]
        return torch.tensor([one + [IGNORED] * (length - len(one)) for one in labels])

    def example_of(self, text: str, language: str) -> TaggedSentence:
        """Split at spaces; where a language writes none, a word is a character."""
        words = text.split() if writes_spaces(language) else [one for one in text if not one.isspace()]
        return TaggedSentence("", tuple(words), (UNLABELLED,) * len(words))

    def with_words(self, example: TaggedSentence, replaced: Callable[[str], Sequence[str]]) -> TaggedSentence:
        """The first of several words has the tag, the others go on with it: I- for B-."""
        words: list[str] = []
        tags: list[int] = []
        for word, tag in zip(example.words, example.tags, strict=True):
            new = replaced(word)
            words += new
            tags += [tag, *[self._continued(tag)] * (len(new) - 1)]
        return replace(example, words=tuple(words), tags=tuple(tags))

    def _continued(self, tag: int) -> int:
        name = self.labels[tag]
        inside = f"I-{name[2:]}"
        return self.labels.index(inside) if name.startswith("B-") and inside in self.labels else tag

    def labelled(self, example: TaggedSentence, decoded: list[Tagged]) -> TaggedSentence:
        """With the tags of all words."""
        return replace(example, tags=tuple(one.tag for one in decoded))

    def blank(self, example: TaggedSentence) -> TaggedSentence:
        """With the first tag everywhere: where tags stand, words are decoded."""
        return replace(example, tags=(0,) * len(example.words))

    def unlabelled(self, raw: RawText, language: str) -> LocatedSentence:
        """The words that were given, or those of running text, see ``data.words``."""
        (text,) = raw.texts
        if raw.words is None:
            places = word_spans(text, language)
            words, starts = [text[start:end] for start, end in places], [start for start, _ in places]
        else:
            words = list(raw.words)
            starts = list(accumulate((len(word) + 1 for word in words[:-1]), initial=0))
        return LocatedSentence(raw.id, tuple(words), (0,) * len(words), text, tuple(starts))

    def answer(self, example: TaggedSentence, decoded: list[Tagged]) -> JsonObject:
        """The words with their tags, and what the tags mark; a span's probability is the mean of its words'."""
        assert isinstance(example, LocatedSentence)
        found = super().answer(example, decoded)
        ends = [start + len(word) for start, word in zip(example.starts, example.words, strict=True)]
        places = sorted(spans(found["predicted"]), key=lambda span: span[1:])
        return {
            "words": list(example.words),
            **found,
            "probabilities": [round(one.probability, 6) for one in decoded],
            "spans": [
                {
                    "type": kind,
                    "start": example.starts[first],
                    "end": ends[last],
                    "text": example.text[example.starts[first] : ends[last]],
                    "probability": round(fmean(one.probability for one in decoded[first : last + 1]), 6),
                }
                for kind, first, last in places
            ],
        }

    def decode(self, outputs: Tensor, batch: TaskBatch) -> list[list[Tagged]]:
        """The likeliest tag of every word that begins in the sequence; ``IGNORED`` where a number is not finite."""
        logits = outputs.float()
        best = logits.argmax(-1)
        shares = logits.softmax(-1).gather(-1, best[..., None])[..., 0].cpu()
        tags, scored = torch.where(outputs.isfinite().all(-1), best, IGNORED).cpu(), batch.labels.cpu() != IGNORED
        return [
            [Tagged(*both) for both in zip(row[mask].tolist(), share[mask].tolist(), strict=True)]
            for row, share, mask in zip(tags, shares, scored, strict=True)
        ]

    def is_finite(self, decoded: list[Tagged]) -> bool:
        """Whether every word has a tag."""
        return all(one.tag != IGNORED for one in decoded)

    def merge(self, pieces: Sequence[list[Tagged]]) -> list[Tagged]:
        """The tags of all words."""
        return [one for piece in pieces for one in piece]

    def prediction(self, example: TaggedSentence, decoded: list[Tagged]) -> Prediction:
        """The tags' names."""
        gold, predicted = ([self.labels[tag] for tag in tags] for tags in (example.tags, [tag for tag, _ in decoded]))
        return Prediction(example.id, gold, predicted)


def _pieces(sizes: Sequence[int], budget: int) -> list[int]:
    """Ends of the longest runs of words whose tokens fit into the budget."""
    ends, used = [], 0
    for place, size in enumerate(sizes):
        if used + size > budget:
            ends.append(place)
            used = 0
        used += size
    return [*ends, len(sizes)]
