"""Sentences whose words have a tag each."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mlalign.data.languages import writes_spaces
from mlalign.data.readers import UNLABELLED, TaggedSentence
from mlalign.data.sequences import SequenceBuilder
from mlalign.metrics.tasks import Prediction
from mlalign.metrics.tasks.tagging import EntityF1
from mlalign.tasks.base import IGNORED, LearnedTask, Prepared, TaskBatch


class Tagging(LearnedTask[TaggedSentence, list[int]]):
    """A linear layer on every token; the tag of a word is on its first token."""

    metric = EntityF1()
    on_tokens = True

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

    def labelled(self, example: TaggedSentence, decoded: list[int]) -> TaggedSentence:
        """With the tags of all words."""
        return replace(example, tags=tuple(decoded))

    def blank(self, example: TaggedSentence) -> TaggedSentence:
        """With the first tag everywhere: where tags stand, words are decoded."""
        return replace(example, tags=(0,) * len(example.words))

    def decode(self, outputs: Tensor, batch: TaskBatch) -> list[list[int]]:
        """The likeliest tag of every word that begins in the sequence; ``IGNORED`` where a number is not finite."""
        likeliest = torch.where(outputs.isfinite().all(-1), outputs.float().argmax(-1), IGNORED)
        best, scored = likeliest.cpu(), batch.labels.cpu() != IGNORED
        return [row[mask].tolist() for row, mask in zip(best, scored, strict=True)]

    def is_finite(self, decoded: list[int]) -> bool:
        """Whether every word has a tag."""
        return IGNORED not in decoded

    def merge(self, pieces: Sequence[list[int]]) -> list[int]:
        """The tags of all words."""
        return [tag for piece in pieces for tag in piece]

    def prediction(self, example: TaggedSentence, decoded: list[int]) -> Prediction:
        """The tags' names."""
        gold, predicted = ([self.labels[tag] for tag in tags] for tags in (example.tags, decoded))
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
