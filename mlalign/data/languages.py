"""Language codes: which of them mean the same language. English, and lists of languages; any floor may import it."""

from collections.abc import Collection, Iterable
from functools import cache

from langcodes import Language, standardize_tag
from langcodes.tag_parser import LanguageTagError

from mlalign.errors import ConfigError, did_you_mean

ENGLISH = "en"  # unless it is said otherwise, one side of every pair, and the language of the labels
WITHOUT_SPACES = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})  # between words
LANGUAGE_SETS = {
    # Gui and Xiao 2024: the languages of XNLI, Italian and Japanese.
    "paper16": "ar bg de el es fr hi it ja ru sw th tr ur vi zh",
    # Those of MLDoc, PAWS-X and the PANX table together; all of them are in CCMatrix.
    "core10": "ar de es fr it ja ko ru vi zh",
}
# What IANA's registry keeps apart and data sets do not: Bokmål is Norwegian, and FLORES and Wikipedia write a usual
# member for a language.
SAME = {"nb": "no", "fuv": "ff", "pbt": "ps", "quy": "qu", "zh-classical": "lzh"}
PARTS = ("Hang", "Hani")  # scripts that usual ones consist of


def _scripted(tag: str) -> tuple[str, str | None]:
    """Language and usual script of a tag."""
    found = Language.get(tag, normalize=False).maximize()
    return found.language or tag, found.script


@cache
def canonical(code: str) -> str:
    """The one code of a language, however a file, a release or a reader writes it.

    ISO 639-1 where it has one, else ISO 639-3, of any case: ``he`` of iw, ``zh`` of cmn, zho_Hans, zh-CN and zh_pud.
    A script stays where it is not the language's usual one, named or by its region: ``zh-Hant`` of zh_TW. Other
    regions, variants and treebanks go: ``pt`` of pt_BR. The rules are IANA's and CLDR's, by ``langcodes``; see
    ``SAME``. What is no code at all becomes its first piece in small letters.
    """
    plain = code.replace("_", "-").casefold()
    try:
        tag = Language.get(standardize_tag(SAME.get(plain, plain), macro=True), normalize=False)
    except LanguageTagError:
        return plain.split("-")[0]
    language = SAME.get(tag.language or plain, tag.language or plain)
    is_script = tag.script not in PARTS and Language.make(script=tag.script).is_valid()  # ar_padt is a treebank
    script = tag.script if is_script else None
    territory = tag.territory if Language.make(territory=tag.territory).is_valid() else None
    _, usual = _scripted(language)
    _, found = _scripted("-".join(filter(None, (language, script, territory))))
    return language if found in (None, usual) else f"{language}-{found}"


def spoken(code: str) -> str:
    """The language of a code in any script: zh of zh-TW."""
    return canonical(code).split("-")[0]


def is_code(code: str) -> bool:
    """Whether a code means some language, as ``chinese`` does not."""
    return Language.make(language=spoken(code)).is_valid()


def codes_of(language: str, known: Collection[str]) -> list[str]:
    """Those of the known codes that mean a language: itself alone where it is there, else others for it."""
    if language in known:
        return [language]
    return [one for one in known if canonical(one) == canonical(language)]


def nearest(language: str, known: Collection[str]) -> str | None:
    """The known code for a language, or for the same one in another script; None where there is neither."""
    spoken_alike = (one for one in known if spoken(one) == spoken(language))
    return next(iter(codes_of(language, known)), None) or next(spoken_alike, None)


def others(languages: Iterable[str], known: Collection[str], pivot: str = ENGLISH) -> list[str]:
    """Those of the languages, the pivot left out, that are none of the known ones in any script."""
    return [one for one in languages if nearest(one, [pivot, *known]) is None]


def unlike(languages: Iterable[str], known: Collection[str], pivot: str = ENGLISH) -> list[str]:
    """What is to be said of tested languages that none of the aligned ones is equal to.

    Args:
        languages: that are tested.
        known: that were aligned.
        pivot: that they were aligned with.
    """
    found = []
    for language in languages:
        like = nearest(language, [pivot, *known])
        if like is None:
            found.append(f"{language} was never aligned: it is scored as an unknown language")
        elif canonical(like) != canonical(language):
            found.append(f"{language} was never aligned: it is scored as {like}, the same in another script")
    return found


def writes_spaces(language: str) -> bool:
    """Whether there are spaces between words."""
    return spoken(language) not in WITHOUT_SPACES


def language_list(key: str, value: object) -> list[str] | None:
    """The codes that a setting stands for.

    Args:
        key: of the setting, for the message.
        value: a list of codes, the name of a list, or None.

    Raises:
        ConfigError: it is something else.
    """
    if value is None:
        return None
    if isinstance(value, str) and value in LANGUAGE_SETS:
        return LANGUAGE_SETS[value].split()
    if isinstance(value, list) and all(isinstance(code, str) for code in value):
        return list(value)
    hint = did_you_mean(value, LANGUAGE_SETS) if isinstance(value, str) else ""
    raise ConfigError(
        f"{key}={value}: expected {', '.join(LANGUAGE_SETS)}, a list of codes such as [de,fr] "
        f'(in quotes where YAML reads a code otherwise: ["no"]), or null{hint}'
    )
