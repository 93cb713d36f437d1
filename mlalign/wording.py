"""Counts and sentences in messages."""


def plural(count: int, one: str, many: str | None = None) -> str:
    """How many of something there are.

    Args:
        count: of them.
        one: what a single one is called.
        many: what several are; None: the same with an s.

    Example:
        >>> plural(1, "pair"), plural(8960, "pair"), plural(2, "entry", "entries")
        ('1 pair', '8,960 pairs', '2 entries')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def sentence(text: str) -> str:
    """A text with a full stop, unless it ends as a sentence already.

    Example:
        >>> sentence("no such file"), sentence("no label dat; did you mean 'date'?")
        ('no such file.', "no label dat; did you mean 'date'?")
    """
    return text if text.endswith((".", "?", "!")) else f"{text}."
