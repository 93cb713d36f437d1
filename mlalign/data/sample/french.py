"""French.

Cells: ``f entreprise`` (gender, singular, plural if irregular), ``blanc blanche`` (adjective, its
irregular feminine and masculine plural; ``<grand`` stands before the noun, ``en_bois en_bois``
never changes), ``acheté`` or ``*parti`` (participle; ``*`` takes *être*).
"""

import re

from mlalign.data.sample.plans import Clause, Connective, Phrase, Place
from mlalign.data.sample.realiser import concept_of, grammatical_subject, is_plural
from mlalign.data.sample.romance import Romance
from mlalign.data.sample.words import OUTSIDE, Word, contract, name, plain, with_next

CONNECTIVES = {"after": "après que", "before": "avant que", "because": "parce que", "first": "comme"}
ARTICLES = {"m": "le les un des", "f": "la les une des"}
CONTRACTIONS = {
    ("de", "le"): "du",
    ("de", "les"): "des",
    ("à", "le"): "au",
    ("à", "les"): "aux",
}
AUXILIARIES = {  # connective -> avoir singular, plural, être singular, plural
    "because": "a ont est sont",
    "after": "avait avaient était étaient",
    "before": "ait aient soit soient",
}
ELIDED = {"le": "l'", "la": "l'", "de": "d'", "que": "qu'", "nouveau": "nouvel"}
VOWEL = re.compile("[aàâeéèêiîoôuœAÀEÉÈIOÔUhô]")
FEMININES = {"e": "e", "eux": "euse", "if": "ive", "er": "ère", "el": "elle"}  # of endings; others add e


class French(Romance):
    """The verb in the passé composé."""

    language = "fr"
    conjunction = "et"
    connectives = CONNECTIVES
    articles = ARTICLES
    preposition = re.compile("^(à|dans|sur) ")

    def main(self, clause: Clause, *, inverted: bool = False) -> list[Word]:
        """Return a clause in the passé composé."""
        return self.side(clause, "because")

    def side(self, clause: Clause, connective: Connective) -> list[Word]:
        """Return a clause in a compound tense, the subjunctive after ``avant que``."""
        subject = grammatical_subject(clause)
        plural = is_plural(subject)
        participle = clause.verb.forms["fr"]
        with_be = participle.startswith("*") and not clause.passive
        participle = participle.removeprefix("*")
        if clause.passive or with_be:
            participle = self.agreeing(participle, self.gender(subject), plural)
        object_: list[Word] = []
        if clause.passive:
            participle = f"été {participle}"
            object_ = [Word("par"), *self.phrase(clause.subject)]
        elif clause.object:
            object_ = self.phrase(clause.object)
        auxiliary = AUXILIARIES[connective].split()[2 * with_be + plural]
        route: list[Word] = []
        if clause.origin and clause.destination:
            route = [*self.of(clause.origin), *self.location(clause.destination)]
        front, time, place = self.fronted(clause)
        verbs = plain(f"{auxiliary} {participle}")
        return [*front, *self.phrase(subject), *verbs, *object_, *route, *place, *time]

    def of(self, phrase: Phrase) -> list[Word]:
        """Return ``de Munich``, ``de France``, ``du Japon``."""
        if isinstance(phrase, Place) and phrase.concept.forms["fr"].startswith("m "):
            return [*plain("de le"), *self.phrase(phrase)]
        return super().of(phrase)

    def location(self, phrase: Phrase) -> list[Word]:
        """Return where or whereto: ``à Munich``, ``en France``, ``sur la place Keller``."""
        concept = concept_of(phrase)
        preposition = concept.forms["fr"].split()[0] if concept else "à"
        if isinstance(phrase, Place):
            preposition = {"f ": "en", "m ": "à le"}.get(phrase.concept.forms["fr"][:2], "à")
        return [*plain(preposition), *self.phrase(phrase)]

    def place(self, phrase: Place) -> list[Word]:
        """Return the name of a place without its gender."""
        return name(phrase.concept.forms["fr"].split()[-1], "LOC")

    def smooth(self, words: list[Word]) -> list[Word]:
        """Elide before vowels, then contract ``de le`` and the like."""
        elided = [
            Word(ELIDED.get(word.text, word.text)) if word.tag == OUTSIDE and VOWEL.match(after.text) else word
            for word, after in with_next(words)
        ]
        return contract(elided, CONTRACTIONS)

    def pluralised(self, word: str) -> str:
        """Return the regular plural."""
        if re.search("[sxz]$", word):
            return word
        if word.endswith("al"):
            return f"{word[:-1]}ux"
        return word + ("x" if word.endswith("eau") else "s")

    def agreeing(self, cell: str, gender: str, plural: bool) -> str:
        """Return an adjective or participle in the right gender and number."""
        masculine, *irregular = cell.split()
        if irregular and irregular[0] == masculine:
            return masculine
        if gender == "m" and plural and len(irregular) > 1:
            return irregular[1]
        first, *rest = masculine.split("_")
        if gender == "f":
            first = irregular[0] if irregular else feminine(first)
        return "_".join([self.pluralised(first) if plural else first, *rest])


def feminine(masculine: str) -> str:
    """Return the regular feminine."""
    for ending, changed in FEMININES.items():
        if masculine.endswith(ending):
            return masculine.removesuffix(ending) + changed
    return f"{masculine}e"
