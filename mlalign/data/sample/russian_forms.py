"""Russian inflection: nouns, adjectives, surnames and the past tense.

A noun's cell is ``m рынок ~рынк``: the gender where the ending does not show it, the nominative,
then what is irregular: ``~`` stem of the other cases, ``^`` nominative plural, ``*`` genitive
plural, ``=`` locative, ``!`` stressed endings, ``0`` indeclinable, ``@adj`` declined as adjective,
``&`` animate though no person.
"""

import re
from functools import cache

CASES = ("nom", "gen", "dat", "acc", "ins", "pre")
HARD = {
    "m": "ый ого ому ый ым ом",
    "f": "ая ой ой ую ой ой",
    "n": "ое ого ому ое ым ом",
    "pl": "ые ых ым ые ыми ых",
}
SOFT = {
    "m": "ий его ему ий им ем",
    "f": "яя ей ей юю ей ей",
    "n": "ее его ему ее им ем",
    "pl": "ие их им ие ими их",
}
NOUNS = {  # ending of the nominative -> endings, singular and plural; gen. plural apart
    "": "- а у - ом е ы ам ами ах",
    "ь": "ь я ю ь ем е и ям ями ях",
    "й": "й я ю й ем е и ям ями ях",
    "а": "а ы е у ой е ы ам ами ах",
    "я": "я и е ю ей е и ям ями ях",
    "ия": "ия ии ии ию ией ии ии иям иями иях",
    "ф": "ь и и ь ью и и ям ями ях",
    "о": "о а у о ом е а ам ами ах",
    "ие": "ие ия ию ие ием ии ия иям иями иях",
}
ADJECTIVE = re.compile("(ый|ий|ой|ая|яя|ое|ее)$")


@cache
def adjective(word: str, gender: str, case: str, animate: bool) -> str:
    """Return the form of an adjective; ``gender`` is ``m``, ``f``, ``n`` or ``pl``."""
    stem, ending = word[:-2], word[-2:]
    if case == "acc" and animate and gender in ("m", "pl"):
        case = "gen"
    if case == "nom" and gender == "m" and ending == "ой":
        return word
    position = CASES.index(case)
    if ending in ("яя", "ее") or (ending == "ий" and stem[-1] not in "гкхжшчщ"):
        return stem + SOFT[gender].split()[position]
    if ending == "ий" and stem[-1] in "жшчщ":
        soft = SOFT[gender].split()[position]
        return stem + {"яя": "ая", "юю": "ую"}.get(soft, soft)
    return stem + spelled(stem, HARD[gender].split()[position])


def spelled(stem: str, ending: str) -> str:
    """Write ``и`` for ``ы``, and no ``я`` or ``ю``, after the consonants that ask for it."""
    if stem[-1:] in tuple("гкхжшчщ") and ending.startswith("ы"):
        return "и" + ending[1:]
    if stem[-1:] in tuple("жшчщ") and ending[:1] in ("я", "ю") and ending != "ю":
        return {"я": "а", "ю": "у"}[ending[0]] + ending[1:]
    return ending


@cache
def gender(cell: str) -> str:
    """Return ``m``, ``f`` or ``n``."""
    first = cell.split()[0]
    if first in ("m", "f", "n"):
        return first
    head = next((part for part in first.split("_") if not ADJECTIVE.search(part)), first)
    return {"а": "f", "я": "f", "о": "n", "е": "n"}.get(head[-1], "m")


@cache
def noun(cell: str, case: str, plural: bool, animate: bool) -> str:
    """Return a noun's form; an adjective before it agrees, what follows it stays."""
    parts = cell.split()
    if parts[0] in ("m", "f", "n"):
        parts = parts[1:]
    before, head, after = _split(parts[0], "@adj" in parts)
    number = "pl" if plural else gender(cell)
    if "@adj" in parts:
        form = adjective(head, number, "pre" if case == "loc" else case, animate)
    else:
        form = _noun(head, gender(cell), tuple(parts[1:]), case, plural, animate)
    case = "pre" if case == "loc" else case
    first = [adjective(word, number, case, animate) for word in before]
    return " ".join([*first, form, *after])


def _split(words: str, nominal_adjective: bool) -> tuple[list[str], str, list[str]]:
    first, *rest = words.split("_")
    if rest and not nominal_adjective and ADJECTIVE.search(first):
        return [first], rest[0], rest[1:]
    return [], first, rest


def _noun(head: str, gender: str, flags: tuple[str, ...], case: str, plural: bool, animate: bool) -> str:
    marked = {flag[0]: flag[1:] for flag in flags}
    if "0" in marked:
        return head
    if case == "loc":
        if "=" in marked and not plural:
            return marked["="]
        case = "pre"
    if case == "acc" and animate and (plural or head[-1] not in "ая"):
        case = "gen"
    elif case == "acc" and plural:
        case = "nom"
    ending = next(e for e in ("ия", "ие", "ь", "й", "а", "я", "о", "") if head.endswith(e))
    stem = head.removesuffix(ending)
    table = NOUNS["ф" if ending == "ь" and gender == "f" else ending].split()
    if plural:
        return _plural(stem, ending, gender, marked, case, table)
    if case == "nom" or (case == "acc" and ending not in ("а", "я", "ия")):
        return head
    stem = marked.get("~", stem)
    form = table[CASES.index(case)]
    if case == "pre" and ending == "й" and stem.endswith("и"):
        form = "и"
    if case == "ins" and stem[-1] in "жшчщц" and "!" not in marked:
        form = {"ом": "ем", "ой": "ей"}.get(form, form)
    if case == "ins" and ending == "я" and "!" in marked:
        form = "ёй"
    return stem + spelled(stem, form)


def _plural(stem: str, ending: str, gender: str, marked: dict[str, str], case: str, table: list[str]) -> str:
    stem = marked.get("~", stem)
    nominative = marked.get("^") or stem + spelled(stem, table[6])
    if case == "nom":
        return nominative
    if "^" in marked:
        stem = nominative[:-1]
        table = NOUNS["ь" if nominative[-1] == "я" or ending in ("я", "ь") else ""].split()
    if case != "gen":
        return stem + spelled(stem, table[("dat", "ins", "pre").index(case) + 7])
    if "*" in marked:
        return marked["*"]
    if ending in ("ия", "ие"):
        return f"{stem}ий"
    if ending == "ь" or nominative.endswith("ля"):
        return f"{stem}ей"
    if ending in ("а", "о"):
        return stem
    if ending == "я":
        return f"{stem}ь"
    if ending == "й":
        return f"{stem}ев"
    if stem[-1] in "жшчщ":
        return f"{stem}ей"
    return stem + ("ев" if stem[-1] == "ц" and "!" not in marked else "ов")


@cache
def surname(cell: str, female: bool, case: str) -> str:
    """Return a family name's form; women's names that end in a consonant do not decline."""
    word = cell.split()[0]
    if word.endswith("ский"):
        return adjective(word, "m", case, True)
    if re.search("(ов|ев|ин)$", word) and case == "ins" and not female:
        return f"{word}ым"
    if female and word[-1] not in "ая":
        return word
    return noun(cell, case, False, True)


@cache
def past(cell: str, agreement: str) -> str:
    """Return the past tense; ``agreement`` is ``m``, ``f``, ``n`` or ``pl``."""
    masculine, _, feminine = cell.partition("/")
    if agreement == "m":
        return masculine
    head, _, rest = (feminine or masculine).partition("_")
    reflexive = head.endswith(("ся", "сь"))
    head = head.removesuffix("сь") if feminine else head.removesuffix("ся") + "а"
    head = head[:-1] + {"f": "а", "n": "о", "pl": "и"}[agreement]
    return head + ("сь" if reflexive else "") + (f"_{rest}" if rest else "")


@cache
def short_participle(cell: str, agreement: str) -> str:
    """Return the short passive participle."""
    head, _, rest = cell.partition("_")
    if agreement != "m":
        head = (f"{head[:-2]}ен" if head.endswith("ён") else head) + {
            "f": "а",
            "n": "о",
            "pl": "ы",
        }[agreement]
    return head + (f"_{rest}" if rest else "")
