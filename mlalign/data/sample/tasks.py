"""The files of the three tasks, each in the form of its original release."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from mlalign.data.readers import AnyExample, Format, task_formats
from mlalign.data.sample.chinese import characters
from mlalign.data.sample.choices import Choices
from mlalign.data.sample.documents import documents
from mlalign.data.sample.entities import entity_sentence
from mlalign.data.sample.languages import REALISERS
from mlalign.data.sample.paraphrases import pair
from mlalign.data.sample.plans import Sentence
from mlalign.data.sample.words import Word

FORMATS = task_formats()
SHARES = 20  # how finely the shares of common words are told apart


@dataclass
class Language:
    """What the task files of one language have said so far.

    Args:
        code: ISO 639-1.
        said: the sentences of all files.
        words: every word in lower case, and a plan that says it.
        seen: the words as they stand.
    """

    code: str
    said: set[str] = field(default_factory=set)
    words: dict[str, Sentence] = field(default_factory=dict)
    seen: set[Word] = field(default_factory=set)

    def say(self, plan: Sentence) -> str:
        """Realise a plan, and remember what was said."""
        words, text = realised(self.code, plan)
        if text not in self.said:
            self.said.add(text)
            for word in words:
                if word not in self.seen:
                    self.seen.add(word)
                    self.words.setdefault(word.text.lower(), plan)
        return text


@lru_cache(maxsize=8192)  # the sentences of a file, which are made up first and written then
def realised(language: str, plan: Sentence) -> tuple[list[Word], str]:
    """Return a sentence as words and as text."""
    realiser = REALISERS[language]
    words = realiser.words(plan)
    return words, realiser.text(words)


@dataclass(frozen=True)
class Row:
    """What a row of a task says, whatever the language, and its label, if it has one as a whole."""

    plans: tuple[Sentence, ...]
    label: str = ""


@dataclass(frozen=True)
class Task:
    """How a task's rows are made up and written.

    Args:
        plan: makes up so many rows; what they say in the language is remembered.
        lines: the lines of a file that says them.
        format: of the release, which names the files.
    """

    plan: Callable[[Language, Choices, int], list[Row]]
    lines: Callable[[Language, Sequence[Row]], Iterator[str]]
    format: Format[AnyExample]


def plan_mldoc(language: Language, choices: Choices, count: int) -> list[Row]:
    """Documents with their topics."""
    return [Row(tuple(plans), label) for label, plans in documents(choices, count)]


def mldoc(language: Language, rows: Sequence[Row]) -> Iterator[str]:
    """Yield ``label<TAB>document`` lines."""
    gap = "" if language.code == "zh" else " "
    for row in rows:
        yield f"{row.label}\t{gap.join(language.say(plan) for plan in row.plans)}\n"


def plan_pawsx(language: Language, choices: Choices, count: int) -> list[Row]:
    """Paraphrases and pairs that are none.

    Every paraphrase has a twin that is none and shares about as many words, whatever the language:
    how many words two sentences share tells nothing.
    """
    rows: list[Row] = []
    waiting: dict[tuple[bool, int], list[Row]] = defaultdict(list)
    while len(rows) < count:
        for same in (True, False):
            row, share = sentence_pair(language, choices, same=same)
            twins = waiting[not same, round(share * SHARES)]
            if twins:
                rows += [row, twins.pop()]
            else:
                waiting[same, round(share * SHARES)].append(row)
    return choices.shuffled(rows[:count])


def pawsx(language: Language, rows: Sequence[Row]) -> Iterator[str]:
    """Yield a header and ``id<TAB>sentence1<TAB>sentence2<TAB>label`` lines."""
    yield "id\tsentence1\tsentence2\tlabel\n"
    for number, row in enumerate(rows, start=1):
        first, second = map(language.say, row.plans)
        yield f"{number}\t{first}\t{second}\t{row.label}\n"


def sentence_pair(language: Language, choices: Choices, *, same: bool) -> tuple[Row, float]:
    """Return two sentences with their label, and which share of their words is in both."""
    first = second = ""
    while first == second:  # Chinese has one order where others have two
        sentences = pair(choices, same=same)
        first, second = (language.say(plan) for plan in (sentences.first, sentences.second))
    counts = Counter(word_list(first)), Counter(word_list(second))
    share = (counts[0] & counts[1]).total() / (counts[0] | counts[1]).total()
    return Row((sentences.first, sentences.second), str(int(same))), share


def word_list(text: str) -> list[str]:
    """Return the words of a sentence in lower case, the characters of a Chinese one."""
    return re.findall(r"[一-鿿]|[^\W一-鿿]+", text.lower())


def plan_panx(language: Language, choices: Choices, count: int) -> list[Row]:
    """Sentences with names, all of them new."""
    rows = []
    for _ in range(count):
        plan = entity_sentence(choices)
        while realised(language.code, plan)[1] in language.said:
            plan = entity_sentence(choices)
        language.say(plan)
        rows.append(Row((plan,)))
    return rows


def panx(language: Language, rows: Sequence[Row]) -> Iterator[str]:
    """Yield ``xx:token<TAB>tag`` lines and an empty line after each sentence."""
    for row in rows:
        words, _ = realised(language.code, *row.plans)
        if language.code == "zh":
            words = characters(words)
        yield "".join(f"{language.code}:{word.text}\t{word.tag}\n" for word in words) + "\n"


TASKS = {
    "mldoc": Task(plan_mldoc, mldoc, FORMATS["mldoc"]),
    "pawsx": Task(plan_pawsx, pawsx, FORMATS["pawsx"]),
    "panx": Task(plan_panx, panx, FORMATS["entities"]),
}
