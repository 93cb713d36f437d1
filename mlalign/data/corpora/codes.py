"""Language codes as releases write them: ``zh`` may be ``zh_CN``, ``cmn``, ``zho_Hans`` or ``ZH-CN``."""

from collections.abc import Collection, Mapping

from mlalign.data.languages import canonical, spoken
from mlalign.errors import DataError, did_you_mean
from mlalign.wording import sentence


class AmbiguousCodeError(DataError):
    """A release holds a language in several regions or scripts."""


def release_code(language: str, there: Collection[str], codes: Mapping[str, str], where: str) -> str:
    """Find the code under which a release holds a language.

    Args:
        language: by any of its codes.
        there: the codes that the release holds.
        codes: language -> code, for releases that write it unlike all others (``zh: cmn``).
        where: the release, for the messages.

    Returns:
        The code itself where it is there, whatever its case, or the only other one for the language.

    Raises:
        DataError: there is none.
        AmbiguousCodeError: there are several with different regions.
    """
    wanted = codes.get(language, language)
    exact = [code for code in there if _plain(code) == _plain(wanted)]
    near = exact or [code for code in there if matches(code, language, codes)]
    if len(near) == 1:
        return near[0]
    found = ", ".join(sorted(there)) or "none"
    if near:
        raise AmbiguousCodeError(
            f"{where}: {language} is there as {' and '.join(sorted(near))}; say which is meant, "
            f"for example with prepare.codes={{{language}: {sorted(near)[0]}}}"
        )
    raise DataError(
        f"{where}: expected text in {language}, found the languages "
        f"{sentence(f'{found}{did_you_mean(wanted, there)}')} If one of them is meant, say so with "
        f"prepare.codes={{{language}: CODE}}"
    )


def matches(code: str, language: str, codes: Mapping[str, str]) -> bool:
    """Whether a release's code stands for a language: is another for it, or names a region or script of it."""
    if language in codes:
        wanted = _plain(codes[language])
        return _plain(code) == wanted or _plain(code).startswith(f"{wanted}_")
    return canonical(language) in (canonical(code), spoken(code))


def _plain(code: str) -> str:
    return code.casefold().replace("-", "_")
