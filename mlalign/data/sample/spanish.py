"""Spanish.

Cells: ``f empresa`` (gender, singular, plural if irregular), ``nuevo`` (adjective, or one that does not agree in
gender and its plural), ``comprar`` or ``vendió vendieron vendido`` (infinitive of a regular verb, or third persons
and participle).
"""

import re
from functools import cache

from mlalign.data.sample.plans import Both, Clause, Connective, Phrase
from mlalign.data.sample.realiser import grammatical_subject, is_person, is_plural
from mlalign.data.sample.romance import Romance
from mlalign.data.sample.words import Word, contract, plain, with_next

CONNECTIVES = {"after": "después de que", "before": "antes de que", "because": "porque", "first": "como"}
ARTICLES = {"m": "el los un unos", "f": "la las una unas"}
CONTRACTIONS = {("de", "el"): "del", ("a", "el"): "al"}
SOUNDS_LIKE_Y = re.compile("h?[iíIÍ](?!e)")


class Spanish(Romance):
    """The verb in the preterite; ``a`` before people."""

    language = "es"
    conjunction = "y"
    connectives = CONNECTIVES
    articles = ARTICLES
    preposition = re.compile("^en ")

    def main(self, clause: Clause, *, inverted: bool = False) -> list[Word]:
        """Return a clause in the preterite."""
        return self.side(clause, "because")

    def side(self, clause: Clause, connective: Connective) -> list[Word]:
        """Return a clause in the preterite, or in the imperfect subjunctive after ``antes de que``."""
        subject = grammatical_subject(clause)
        singular, plural, participle = verb(clause.verb.forms["es"])
        object_: list[Word] = []
        ending = ""
        if clause.passive:
            singular, plural = "fue", "fueron"
            ending = " " + self.agreeing(participle, self.gender(subject), is_plural(subject))
            object_ = [Word("por"), *self.phrase(clause.subject)]
        elif clause.object:
            object_ = self.object(clause.object)
        if connective == "before":
            plural = plural.removesuffix("ron") + "ran"
            singular = plural.removesuffix("n")
        verbs = plain((plural if is_plural(subject) else singular) + ending)
        route: list[Word] = []
        if clause.origin and clause.destination:
            route = [*self.of(clause.origin), Word("a"), *self.phrase(clause.destination)]
        front, time, place = self.fronted(clause)
        return [*front, *self.phrase(subject), *verbs, *object_, *route, *place, *time]

    def object(self, phrase: Phrase) -> list[Word]:
        """Return a direct object; people take ``a``, each of a pair its own."""
        if not is_person(phrase):
            return self.phrase(phrase)
        if isinstance(phrase, Both):
            return [*self.object(phrase.first), Word("y"), *self.object(phrase.second)]
        return [Word("a"), *self.phrase(phrase)]

    def location(self, phrase: Phrase) -> list[Word]:
        """Return where: ``en Múnich``, ``en la plaza Keller``."""
        return [Word("en"), *self.phrase(phrase)]

    def smooth(self, words: list[Word]) -> list[Word]:
        """Write ``e`` for ``y`` before its sound, then contract ``de el`` and ``a el``."""
        told = [
            Word("e") if word == Word("y") and SOUNDS_LIKE_Y.match(after.text) else word
            for word, after in with_next(words)
        ]
        return contract(told, CONTRACTIONS)

    def pluralised(self, word: str) -> str:
        """Return the regular plural."""
        if re.search("[aeiouáéó]$", word):
            return word + "s"
        if word.endswith("z"):
            return word[:-1] + "ces"
        if re.search("[áéíóú][ns]$", word):
            stressed, last = word[-2], word[-1]
            return word[:-2] + "aeiou"["áéíóú".index(stressed)] + last + "es"
        return word + "es"

    def agreeing(self, cell: str, gender: str, plural: bool) -> str:
        """Return an adjective or participle in the right gender and number."""
        masculine, *irregular = cell.split()
        if irregular:
            return irregular[0] if plural else masculine
        first, *rest = masculine.split("_")
        if gender == "f" and first.endswith("o"):
            first = first[:-1] + "a"
        elif gender == "f" and re.search("(dor|sor)$", first):
            first += "a"
        return "_".join([self.pluralised(first) if plural else first, *rest])


@cache
def verb(cell: str) -> tuple[str, str, str]:
    """Return the third persons of the preterite and the participle."""
    if " " in cell:
        singular, plural, participle = cell.split()
        return singular, plural, participle
    stem = cell[:-2]
    if cell.endswith("ar"):
        return stem + "ó", stem + "aron", stem + "ado"
    return stem + "ió", stem + "ieron", stem + "ido"
