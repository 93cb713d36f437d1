"""Words of an English example are replaced by dictionary translations."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from mlalign.data.lexicon import Lexicon
from mlalign.data.readers.records import Example
from mlalign.tasks.base import Decoded, LearnedTask

CORE = re.compile(r"(\W*)(.*?)(\W*)$", re.DOTALL)  # a word between punctuation


def switched(
    task: LearnedTask[Example, Decoded],
    example: Example,
    lexicon: Lexicon,
    languages: Sequence[str],
    random: np.random.Generator,
    *,
    share: float,
    single: bool = False,
) -> Example:
    """The example with some words replaced; without an entry in the drawn language a word stays.

    Args:
        task: its type.
        example: English.
        lexicon: language -> casefolded English word -> its translations.
        languages: one of them is drawn for each word.
        random: decides.
        share: of the words that are to be replaced.
        single: whether only translations of one word are taken, so that words stay one for one.
    """

    def replaced(word: str) -> Sequence[str]:
        if random.random() >= share:
            return [word]
        before, core, after = CORE.findall(word)[0]
        found: Iterable[str] = lexicon.get(languages[int(random.integers(len(languages)))], {}).get(core.casefold(), ())
        choices = [one.split() for one in found if not single or len(one.split()) == 1]
        if not choices:
            return [word]
        words = choices[int(random.integers(len(choices)))]
        return f"{before}{' '.join(words)}{after}".split()

    return task.with_words(example, replaced)
