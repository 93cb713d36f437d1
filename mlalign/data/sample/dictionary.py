"""Words of the generated sample with their translations, as a reader would write them."""

import re

from mlalign.data.sample.lexicon import lexicon

GENDERS = ("m", "f", "n", "mw")


def noun_pairs(language: str) -> list[tuple[str, str]]:
    """English noun and its translation, each English noun once, in the order of the tables.

    Args:
        language: one of the sample's, but English.
    """
    pairs: dict[str, str] = {}
    for concept in lexicon():
        if concept.forms["de"].split()[0] not in GENDERS or concept.table == "patterns":
            continue  # no noun, or one to be filled in
        forms = concept.forms[language].split()
        other = forms[1] if forms[0] in GENDERS else forms[0]
        pairs.setdefault(_plain(concept.forms["en"].split()[0]), _plain(other))
    return list(pairs.items())


def word_pairs(language: str) -> list[tuple[str, str]]:
    """``noun_pairs``, then the places, adjectives and verbs that are one word in both languages.

    Args:
        language: one of the sample's, but English.
    """
    pairs = dict(noun_pairs(language))
    for concept in lexicon():
        if concept.table in ("patterns", "people") or concept.kind in ("time", "place"):
            continue  # names, and what begins with a preposition
        if concept.forms["de"].split()[0] not in GENDERS:
            words = [re.split("[ :/]", concept.forms[code])[0] for code in ("en", language)]
            if all(word.isalpha() for word in words):
                pairs.setdefault(*words)
    return list(pairs.items())


def _plain(form: str) -> str:
    return form.replace("_", " ")
