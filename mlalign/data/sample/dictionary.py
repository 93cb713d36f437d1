"""Nouns of the generated sample with their translations, as a reader would write them."""

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


def _plain(form: str) -> str:
    return form.replace("_", " ")
