"""Spanish.

Cells: ``f empresa`` (gender, singular, plural if irregular), ``nuevo`` (adjective), ``comprar`` or
``vendió vendieron vendido`` (infinitive of a regular verb, or third persons and participle).
"""

import re
from functools import cache

from mlalign.data.sample.plans import Both, Clause, Named, Noun, Person, Phrase, Place, Sentence
from mlalign.data.sample.realiser import (
    Realiser,
    full_name,
    grammatical_subject,
    is_person,
    is_plural,
)
from mlalign.data.sample.words import Word, bracketed, contract, name, plain

ARTICLES = {"m": "el los un unos", "f": "la las una unas"}
CONTRACTIONS = {("de", "el"): "del", ("a", "el"): "al"}
CONNECTIVES = {"after": "después de que", "before": "antes de que", "because": "porque"}


class Spanish(Realiser):
    """Subject, verb, object, place, time; ``a`` before people."""

    def clauses(self, plan: Sentence) -> list[Word]:
        """Join by ``después de que``, ``antes de que`` with the subjunctive, or ``porque``."""
        main = self.clause(plan.main)
        if plan.side is None or plan.connective is None:
            return main
        subjunctive = plan.connective == "before"
        side = plain(CONNECTIVES[plan.connective]) + self.clause(plan.side, subjunctive=subjunctive)
        if plan.connective == "because" and plan.side_first:
            side[0] = Word("como")
        return self.side_and_main(plan, side, main)

    def clause(self, clause: Clause, *, subjunctive: bool = False) -> list[Word]:
        """Return a clause in the preterite, or in the imperfect subjunctive."""
        subject = grammatical_subject(clause)
        singular, plural, participle = verb(clause.verb.forms["es"])
        object_: list[Word] = []
        ending = ""
        if clause.passive:
            singular, plural = "fue", "fueron"
            ending = " " + agreeing(participle, gender(subject), is_plural(subject))
            object_ = [Word("por"), *self.phrase(clause.subject)]
        elif clause.object:
            object_ = self.object(clause.object)
        if subjunctive:
            plural = plural.removesuffix("ron") + "ran"
            singular = plural.removesuffix("n")
        verbs = plain((plural if is_plural(subject) else singular) + ending)
        route: list[Word] = []
        if clause.origin and clause.destination:
            route = [Word("de"), *self.phrase(clause.origin)]
            route += [Word("a"), *self.phrase(clause.destination)]
        time = plain(clause.time.forms["es"]) if clause.time else []
        place = self.location(clause.place) if clause.place else []
        front, time, place = self.fronted(clause, time, place)
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

    def phrase(self, phrase: Phrase) -> list[Word]:
        """Return a noun phrase."""
        match phrase:
            case Noun():
                words = plain(
                    noun_phrase(
                        phrase.concept.forms["es"].removeprefix("en "),
                        phrase.adjective.forms["es"] if phrase.adjective else "",
                        phrase.plural,
                        phrase.definite,
                    )
                )
                return [*words, Word("de"), *self.phrase(phrase.of)] if phrase.of else words
            case Person():
                return self.person(phrase)
            case Named():
                article, text = phrase.pattern.forms["es"].removeprefix("en ").split(maxsplit=1)
                kind = "LOC" if phrase.pattern.kind == "square" else "ORG"
                text = text.format(phrase.base.forms["es"])
                return plain(ARTICLES[article].split()[0]) + bracketed(text, kind)
            case Place():
                return name(phrase.concept.forms["es"], "LOC")
            case Both():
                second = self.phrase(phrase.second)
                and_ = "e" if re.match("h?[iíIÍ](?!e)", second[0].text) else "y"
                return [*self.phrase(phrase.first), Word(and_), *second]

    def person(self, phrase: Person) -> list[Word]:
        """Return ``el señor Keller`` or ``el maestro Thomas Keller``."""
        before: list[Word] = []
        if phrase.title and phrase.title.kind == "person":
            before = plain(noun_phrase(phrase.title.forms["es"], "", False, True))
        elif phrase.title:
            before = plain(phrase.title.forms["es"])
        return before + full_name(phrase, "es")

    def smooth(self, words: list[Word]) -> list[Word]:
        """Contract ``de el`` and ``a el``."""
        return contract(words, CONTRACTIONS)


def gender(phrase: Phrase) -> str:
    """Return ``m`` or ``f``; a mixed pair is masculine."""
    match phrase:
        case Noun():
            return phrase.concept.forms["es"].removeprefix("en ")[0]
        case Person():
            return "f" if phrase.female else "m"
        case Named():
            return phrase.pattern.forms["es"].removeprefix("en ")[0]
        case Place():
            return "m"
        case Both():
            return "f" if gender(phrase.first) == gender(phrase.second) == "f" else "m"


@cache
def noun_phrase(cell: str, adjective: str, plural: bool, definite: bool) -> str:
    """Return article, noun and adjective."""
    kind, singular, *irregular = cell.split()
    article = ARTICLES[kind].split()[(0 if definite else 2) + plural]
    noun = (irregular[0] if irregular else pluralised(singular)) if plural else singular
    if not adjective:
        return f"{article} {noun}"
    masculine, *irregular = adjective.split()
    if irregular:
        return f"{article} {noun} {irregular[0] if plural else masculine}"
    return f"{article} {noun} {agreeing(masculine, kind, plural)}"


def pluralised(word: str) -> str:
    """Return the regular plural."""
    if re.search("[aeiouáéó]$", word):
        return word + "s"
    if word.endswith("z"):
        return word[:-1] + "ces"
    if re.search("[áéíóú][ns]$", word):
        stressed, last = word[-2], word[-1]
        return word[:-2] + "aeiou"["áéíóú".index(stressed)] + last + "es"
    return word + "es"


def agreeing(masculine: str, gender: str, plural: bool) -> str:
    """Return an adjective or participle in the right gender and number."""
    first, *rest = masculine.split("_")
    if gender == "f" and first.endswith("o"):
        first = first[:-1] + "a"
    elif gender == "f" and re.search("(dor|sor)$", first):
        first += "a"
    return "_".join([pluralised(first) if plural else first, *rest])


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
