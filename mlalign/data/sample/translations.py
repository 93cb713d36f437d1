"""Parallel sentences: what the tasks talk about, in English and another language."""

from collections.abc import Iterator

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.entities import entity_sentence
from mlalign.data.sample.languages import REALISERS
from mlalign.data.sample.lexicon import TOPICS, concepts
from mlalign.data.sample.paraphrases import pair, with_time_moved
from mlalign.data.sample.plans import Sentence
from mlalign.data.sample.scenes import everyday_sentence, topic_sentence
from mlalign.data.sample.tasks import Language

SHARED = 0.1  # of the pairs, the English sentences that all languages translate


class Translations:
    """Collects the pairs of one language.

    Args:
        english: what the English tasks say; none of it becomes a pair.
        other: what the tasks of the other language say; neither does this.
    """

    def __init__(self, english: Language, other: Language) -> None:
        self.sides = (english, other)
        self.lines: dict[str, None] = {}
        self._words: tuple[set[str], set[str]] = (set(), set())

    def add(self, plan: Sentence, translated: Sentence | None = None) -> bool:
        """Add a pair unless it is there or a task says one of its sentences.

        Args:
            plan: what to say.
            translated: the same in another order, if the translation shall take that.
        """
        said = []
        plans = (plan, translated or plan)
        for side, one in zip(self.sides, plans, strict=True):
            realiser = REALISERS[side.code]
            words = realiser.words(one)
            said.append((realiser.text(words), {word.text.lower() for word in words}))
        (english, _), (other, _) = said
        line = f"{english}\t{other}\n"
        if english in self.sides[0].said or other in self.sides[1].said or line in self.lines:
            return False
        self.lines[line] = None
        for known, (_, new) in zip(self._words, said, strict=True):
            known |= new
        return True

    def unsaid(self) -> Iterator[Sentence]:
        """Yield, for every word of the tasks that no pair has yet, a plan that says it."""
        for side, known in zip(self.sides, self._words, strict=True):
            for word, plan in side.words.items():
                if word not in known:
                    yield plan


def translations(english: Language, other: Language, choices: Choices, shared: Choices, count: int) -> list[str]:
    """Return the lines of a parallel file.

    Args:
        english: what the English tasks say.
        other: what the tasks of the other language say.
        choices: the stream of this language.
        shared: a stream that is the same for all languages.
        count: how many lines.
    """
    pairs = Translations(english, other)
    while len(pairs.lines) < count * SHARED:
        pairs.add(any_sentence(shared))
    while len(pairs.lines) < count * 3 // 4:
        plan = any_sentence(choices)
        if pairs.add(plan) and plan.main.time and choices.chance(0.04):
            pairs.add(plan, plan._replace(main=with_time_moved(plan.main)))
    for plan in pairs.unsaid():
        if len(pairs.lines) == count:
            break
        any(pairs.add(other) for other in at_other_times(choices, plan))
    while len(pairs.lines) < count:
        pairs.add(any_sentence(choices))
    return choices.shuffled(list(pairs.lines))


def any_sentence(choices: Choices) -> Sentence:
    """Return a sentence of the kinds that the tasks are made of."""
    manner = choices.below(8)
    if manner < 3:
        return topic_sentence(choices, choices.pick(TOPICS))
    if manner < 4:
        return everyday_sentence(choices)
    if manner < 6:
        return pair(choices, same=True).first
    return entity_sentence(choices)


def at_other_times(choices: Choices, plan: Sentence) -> Iterator[Sentence]:
    """Yield sentences that differ only in when it happened."""
    for time in choices.shuffled(concepts("time")):
        yield plan._replace(main=plan.main._replace(time=time))
