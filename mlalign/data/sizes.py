"""How many rows the files of an official release have."""

import logging
from collections.abc import Mapping

from mlalign.errors import DataError
from mlalign.wording import plural

log = logging.getLogger(__name__)

EACH = "each"  # language that is not named
Sizes = Mapping[str, Mapping[str, int]]  # part -> language, or EACH -> rows


def expected_rows(sizes: Sizes, part: str, language: str) -> int | None:
    """Rows of a part in a language; None where nobody said."""
    of_part = sizes.get(part, {})
    return of_part.get(language, of_part.get(EACH))


def check_rows(found: int, sizes: Sizes, part: str, language: str, *, where: str, strict: bool) -> None:
    """Name a file that is not the official release's.

    Args:
        found: rows of the file.
        sizes: of the official release.
        part: ``train``, ``dev`` or ``test``.
        language: whose text it is.
        where: the file, for the message.
        strict: refuse it; otherwise only say so.

    Raises:
        DataError: another number of rows is expected, and ``strict``.
    """
    expected = expected_rows(sizes, part, language)
    if expected is None or expected == found:
        return
    message = f"{where}: {plural(found, 'row')}, where the official release has {expected} ({part}, {language})"
    if strict:
        raise DataError(
            f"{message}. If this is the release you mean, correct task.sizes in its file of "
            "conf/task, or check no sizes with task.check_sizes=false"
        )
    log.warning("%s: scores on it are not comparable with published ones", message)
