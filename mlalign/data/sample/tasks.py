"""The files of the three tasks, each in the form of its original release."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mlalign.data.sample.chinese import characters
from mlalign.data.sample.choices import Choices
from mlalign.data.sample.documents import documents
from mlalign.data.sample.entities import entity_sentence
from mlalign.data.sample.languages import REALISERS
from mlalign.data.sample.paraphrases import pair
from mlalign.data.sample.plans import Sentence

MLDOC_NAMES = {
    "en": "english",
    "de": "german",
    "es": "spanish",
    "fr": "french",
    "ru": "russian",
    "zh": "chinese",
}
PARTS = {
    "mldoc": ("train.1000", "dev", "test"),
    "pawsx": ("train.tsv", "dev_2k.tsv", "test_2k.tsv"),
    "panx": ("train", "dev", "test"),
}
SHARES = 20  # how finely the shares of common words are told apart


@dataclass
class Language:
    """What the task files of one language have said so far.

    Args:
        code: ISO 639-1.
        said: the sentences of all files.
        words: every word in lower case, and a plan that says it.
    """

    code: str
    said: set[str] = field(default_factory=set)
    words: dict[str, Sentence] = field(default_factory=dict)

    def say(self, plan: Sentence) -> str:
        """Realise a plan, and remember what was said."""
        realiser = REALISERS[self.code]
        words = realiser.words(plan)
        for word in words:
            self.words.setdefault(word.text.lower(), plan)
        text = realiser.text(words)
        self.said.add(text)
        return text


Task = Callable[[Language, Choices, int], Iterator[str]]


def mldoc(language: Language, choices: Choices, count: int) -> Iterator[str]:
    """Yield ``label<TAB>document`` lines."""
    gap = "" if language.code == "zh" else " "
    for label, plans in documents(choices, count):
        yield f"{label}\t{gap.join(language.say(plan) for plan in plans)}\n"


def pawsx(language: Language, choices: Choices, count: int) -> Iterator[str]:
    """Yield a header and ``id<TAB>sentence1<TAB>sentence2<TAB>label`` lines.

    Every paraphrase has a twin that is none and shares about as many words, whatever the language:
    how many words two sentences share tells nothing.
    """
    rows: list[str] = []
    waiting: dict[tuple[bool, int], list[str]] = defaultdict(list)
    while len(rows) < count:
        for same in (True, False):
            row, share = sentence_pair(language, choices, same=same)
            twins = waiting[not same, round(share * SHARES)]
            if twins:
                rows += [row, twins.pop()]
            else:
                waiting[same, round(share * SHARES)].append(row)
    yield "id\tsentence1\tsentence2\tlabel\n"
    for number, row in enumerate(choices.shuffled(rows[:count]), start=1):
        yield f"{number}\t{row}"


def sentence_pair(language: Language, choices: Choices, *, same: bool) -> tuple[str, float]:
    """Return two sentences with their label, and which share of their words is in both."""
    first = second = ""
    while first == second:  # Chinese has one order where others have two
        sentences = pair(choices, same=same)
        first, second = (language.say(plan) for plan in (sentences.first, sentences.second))
    counts = Counter(word_list(first)), Counter(word_list(second))
    share = (counts[0] & counts[1]).total() / (counts[0] | counts[1]).total()
    return f"{first}\t{second}\t{int(same)}\n", share


def word_list(text: str) -> list[str]:
    """Return the words of a sentence in lower case, the characters of a Chinese one."""
    return re.findall(r"[一-鿿]|[^\W一-鿿]+", text.lower())


def panx(language: Language, choices: Choices, count: int) -> Iterator[str]:
    """Yield ``xx:token<TAB>tag`` lines and an empty line after each sentence, all of them new."""
    realiser = REALISERS[language.code]
    for _ in range(count):
        plan = entity_sentence(choices)
        while realiser.text(realiser.words(plan)) in language.said:
            plan = entity_sentence(choices)
        language.say(plan)
        words = realiser.words(plan)
        if language.code == "zh":
            words = characters(words)
        yield "".join(f"{language.code}:{word.text}\t{word.tag}\n" for word in words) + "\n"


TASKS: dict[str, Task] = {"mldoc": mldoc, "pawsx": pawsx, "panx": panx}


def task_path(task: str, language: str, part: str) -> str:
    """Return where a task's file lies under the root."""
    if task == "mldoc":
        return f"tasks/mldoc/{MLDOC_NAMES[language]}.{part}"
    return f"tasks/{task}/{language}/{part}"
