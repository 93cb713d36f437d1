"""Text to be scored that stands in what is learned from."""

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
    wanted = {folded(pair.parts) for pair in part.examples}
    seen = {
        pair
        for path in paths
        for sides in read_pairs(path, on_bad_line=on_bad_line, dropped=Counter())
        if (pair := folded(sides)) in wanted
    }
    return sum(folded(pair.parts) in seen for pair in part.examples)


def folded(parts: Sequence[str]) -> tuple[str, ...]:
    """Texts in small letters, without spaces and punctuation."""
    return tuple(re.sub(r"\W+", "", text.casefold()) for text in parts)
