"""Test pairs that stand in the text that is aligned on."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlalign.data.readers import OnBadLine, Part, SentencePair, read_pairs


def seen_pairs(part: Part[SentencePair], paths: Sequence[Path], on_bad_line: OnBadLine) -> int:
    """How many pairs of a test stand in parallel files, in whatever case and punctuation.

    Args:
        part: of the test.
        paths: files of parallel text in the same language, read line by line.
        on_bad_line: as where these files are aligned on.
    """
    wanted = {(_folded(pair.english), _folded(pair.other)) for pair in part.examples}
    seen = {
        pair
        for path in paths
        for english, other in read_pairs(path, on_bad_line=on_bad_line, dropped=Counter())
        if (pair := (_folded(english), _folded(other))) in wanted
    }
    return sum((_folded(pair.english), _folded(pair.other)) in seen for pair in part.examples)


def _folded(text: str) -> str:
    return re.sub(r"\W+", "", text.casefold())
