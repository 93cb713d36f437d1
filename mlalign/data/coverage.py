"""How well a tokenizer covers a language: how much of its text is unknown, and into how many subwords words fall."""

import logging
from collections.abc import Iterable
from itertools import islice

from mlalign.data.languages import writes_spaces
from mlalign.data.sequences import SequenceBuilder

log = logging.getLogger(__name__)

TEXTS = 2000  # are enough
MOST_UNKNOWN = 10  # per cent; more is warned of
Coverage = dict[str, float | None]


def coverage(texts: Iterable[str], language: str, builder: SequenceBuilder, called: str) -> Coverage:
    """Of the first texts, as they are before any is cut; warns where much is unknown.

    Args:
        texts: of one language.
        language: of the texts.
        builder: holds the tokenizer.
        called: what a warning calls the texts.

    Returns:
        ``unknown_percent``, the share of subwords that stand for what the tokenizer does not know, and
        ``subwords_per_word``, between spaces; None in languages without such, and where there are no words.
    """
    read = list(islice(texts, TEXTS))
    subwords = [piece for text in builder.words(read) for piece in text] if read else []
    unknown = 100 * subwords.count(builder.tokenizer.unk_token_id) / max(1, len(subwords))
    words = sum(len(text.split()) for text in read) if writes_spaces(language) else 0
    if unknown > MOST_UNKNOWN:
        log.warning(
            "%s in %s: %.0f per cent of the subwords are unknown to the tokenizer, so that vectors say little; "
            "choose a backbone that knows the script",
            called,
            language,
            unknown,
        )
    return {
        "unknown_percent": round(unknown, 2),
        "subwords_per_word": round(len(subwords) / words, 3) if words else None,
    }
