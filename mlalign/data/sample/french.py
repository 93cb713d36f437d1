"""French.

Cells: ``f entreprise`` (gender, singular, plural if irregular), ``blanc blanche`` (adjective, its
irregular feminine and masculine plural; ``<grand`` stands before the noun, ``en_bois en_bois``
never changes), ``acheté`` or ``*parti`` (participle; ``*`` takes *être*).
"""

import re
from functools import cache

from mlalign.data.sample.plans import Both, Clause, Named, Noun, Person, Phrase, Place, Sentence
from mlalign.data.sample.realiser import Realiser, full_name, grammatical_subject, is_plural
from mlalign.data.sample.words import OUTSIDE, Word, bracketed, contract, name, plain

ARTICLES = {"m": "le les un des", "f": "la les une des"}
CONTRACTIONS = {
    ("de", "le"): "du",
    ("de", "les"): "des",
    ("à", "le"): "au",
    ("à", "les"): "aux",
}
CONNECTIVES = {"after": "après que", "before": "avant que", "because": "parce que"}
AUXILIARIES = {  # connective -> avoir singular, plural, être singular, plural
    None: "a ont est sont",
    "because": "a ont est sont",
    "after": "avait avaient était étaient",
    "before": "ait aient soit soient",
}
ELIDED = {"le": "l'", "la": "l'", "de": "d'", "que": "qu'", "nouveau": "nouvel"}
VOWEL = re.compile("[aàâeéèêiîoôuœAÀEÉÈIOÔUhô]")


class French(Realiser):
    """Subject, verb in the passé composé, object, place, time."""

    def clauses(self, plan: Sentence) -> list[Word]:
        """Join by ``après que``, ``avant que`` with the subjunctive, or ``parce que``."""
        main = self.clause(plan.main, AUXILIARIES[None])
        if plan.side is None or plan.connective is None:
            return main
        connective = CONNECTIVES[plan.connective]
        if plan.connective == "because" and plan.side_first:
            connective = "comme"
        side = plain(connective) + self.clause(plan.side, AUXILIARIES[plan.connective])
        return self.side_and_main(plan, side, main)

    def clause(self, clause: Clause, auxiliaries: str) -> list[Word]:
        """Return a clause in a compound tense."""
        subject = grammatical_subject(clause)
        plural = is_plural(subject)
        participle = clause.verb.forms["fr"]
        object_: list[Word] = []
        with_be = participle.startswith("*")
        participle = participle.removeprefix("*")
        if clause.passive:
            participle = "été " + agreeing(participle, gender(subject), plural)
            object_ = [Word("par"), *self.phrase(clause.subject)]
        elif with_be:
            participle = agreeing(participle, gender(subject), plural)
        if clause.object and not clause.passive:
            object_ = self.phrase(clause.object)
        auxiliary = auxiliaries.split()[2 * (with_be and not clause.passive) + plural]
        route: list[Word] = []
        if clause.origin and clause.destination:
            route = [*self.of(clause.origin), *self.location(clause.destination)]
        time = plain(clause.time.forms["fr"]) if clause.time else []
        place = self.location(clause.place) if clause.place else []
        front, time, place = self.fronted(clause, time, place)
        verbs = plain(f"{auxiliary} {participle}")
        return [*front, *self.phrase(subject), *verbs, *object_, *route, *place, *time]

    def of(self, phrase: Phrase) -> list[Word]:
        """Return ``de Munich``, ``de France``, ``du Japon``."""
        if isinstance(phrase, Place) and phrase.concept.forms["fr"].startswith("m "):
            return [*plain("de le"), *self.phrase(phrase)]
        return [Word("de"), *self.phrase(phrase)]

    def location(self, phrase: Phrase) -> list[Word]:
        """Return where or whereto: ``à Munich``, ``en France``, ``sur la place Keller``."""
        match phrase:
            case Place():
                prepositions = {"f ": "en", "m ": "à le"}
                preposition = prepositions.get(phrase.concept.forms["fr"][:2], "à")
            case Noun():
                preposition = phrase.concept.forms["fr"].split()[0]
            case Named():
                preposition = phrase.pattern.forms["fr"].split()[0]
            case _:
                preposition = "à"
        return [*plain(preposition), *self.phrase(phrase)]

    def phrase(self, phrase: Phrase) -> list[Word]:
        """Return a noun phrase."""
        match phrase:
            case Noun():
                words = plain(
                    noun_phrase(
                        without_preposition(phrase.concept.forms["fr"]),
                        phrase.adjective.forms["fr"] if phrase.adjective else "",
                        phrase.plural,
                        phrase.definite,
                    )
                )
                return words + self.of(phrase.of) if phrase.of else words
            case Person():
                return self.person(phrase)
            case Named():
                cell = without_preposition(phrase.pattern.forms["fr"])
                article, text = cell.split(maxsplit=1)
                kind = "LOC" if phrase.pattern.kind == "square" else "ORG"
                text = text.format(phrase.base.forms["fr"])
                return plain(ARTICLES[article].split()[0]) + bracketed(text, kind)
            case Place():
                return name(phrase.concept.forms["fr"].split()[-1], "LOC")
            case Both():
                return [*self.phrase(phrase.first), Word("et"), *self.phrase(phrase.second)]

    def person(self, phrase: Person) -> list[Word]:
        """Return ``monsieur Keller`` or ``le professeur Thomas Keller``."""
        before: list[Word] = []
        if phrase.title and phrase.title.kind == "person":
            before = plain(noun_phrase(phrase.title.forms["fr"], "", False, True))
        elif phrase.title:
            before = plain(phrase.title.forms["fr"])
        return before + full_name(phrase, "fr")

    def smooth(self, words: list[Word]) -> list[Word]:
        """Elide before vowels, then contract ``de le`` and the like."""
        elided = [
            Word(ELIDED.get(word.text, word.text)) if word.tag == OUTSIDE and VOWEL.match(following.text) else word
            for word, following in zip(words, [*words[1:], Word(".")], strict=True)
        ]
        return contract(elided, CONTRACTIONS)


def gender(phrase: Phrase) -> str:
    """Return ``m`` or ``f``; a mixed pair is masculine."""
    match phrase:
        case Noun():
            return without_preposition(phrase.concept.forms["fr"])[0]
        case Person():
            return "f" if phrase.female else "m"
        case Named():
            return without_preposition(phrase.pattern.forms["fr"])[0]
        case Place():
            return "m"
        case Both():
            return "f" if gender(phrase.first) == gender(phrase.second) == "f" else "m"


@cache
def without_preposition(cell: str) -> str:
    """Return a noun's cell from its gender on."""
    return re.sub("^(à|dans|sur) ", "", cell)


@cache
def noun_phrase(cell: str, adjective: str, plural: bool, definite: bool) -> str:
    """Return article, noun and adjective."""
    kind, singular, *irregular = cell.split()
    article = ARTICLES[kind].split()[(0 if definite else 2) + plural]
    noun = (irregular[0] if irregular else pluralised(singular)) if plural else singular
    if not adjective:
        return f"{article} {noun}"
    agreed = agreeing(adjective.removeprefix("<"), kind, plural)
    if not adjective.startswith("<"):
        return f"{article} {noun} {agreed}"
    return f"{'de' if article == 'des' else article} {agreed} {noun}"


def pluralised(word: str) -> str:
    """Return the regular plural."""
    if re.search("[sxz]$", word):
        return word
    if word.endswith("al"):
        return f"{word[:-1]}ux"
    return word + ("x" if word.endswith("eau") else "s")


@cache
def agreeing(cell: str, gender: str, plural: bool) -> str:
    """Return an adjective or participle in the right gender and number."""
    masculine, *irregular = cell.split()
    if irregular and irregular[0] == masculine:
        return masculine
    if gender == "m" and plural and len(irregular) > 1:
        return irregular[1]
    first, *rest = masculine.split("_")
    if gender == "f":
        first = irregular[0] if irregular else feminine(first)
    return "_".join([pluralised(first) if plural else first, *rest])


def feminine(masculine: str) -> str:
    """Return the regular feminine."""
    for ending, changed in (
        ("e", "e"),
        ("eux", "euse"),
        ("if", "ive"),
        ("er", "ère"),
        ("el", "elle"),
    ):
        if masculine.endswith(ending):
            return masculine.removesuffix(ending) + changed
    return masculine + "e"
