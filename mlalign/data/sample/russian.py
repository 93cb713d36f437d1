"""Russian: six cases, aspectless past with gender; inflection is in ``russian_forms``."""

import re

from mlalign.data.sample import russian_forms as forms
from mlalign.data.sample.plans import Both, Clause, Named, Noun, Person, Phrase, Place
from mlalign.data.sample.realiser import Realiser, concept_of, formed, grammatical_subject, is_plural
from mlalign.data.sample.words import Word, name, plain, with_next

CONNECTIVES = {"after": "после того как", "before": "до того как", "because": "потому что", "first": "так как"}
NAME = re.compile(r"(\[?)([^«{[]+) (.*)")
CLUSTER = re.compile("[вф][бвгджзйклмнпрстфхцчшщ]", re.IGNORECASE)
PREPOSITION = re.compile("^(в|на) ")


class Russian(Realiser[str]):
    """Subject, time, verb, object, place."""

    language = "ru"
    conjunction = "и"
    connectives = CONNECTIVES
    before_side = ","
    after_front = ""

    def main(self, clause: Clause, *, inverted: bool = False) -> list[Word]:
        """Return a clause in the past tense."""
        subject = grammatical_subject(clause)
        agreement = "pl" if is_plural(subject) else gender(subject)
        past, *participle = clause.verb.forms["ru"].split()
        front, time, place = self.fronted(clause)
        if clause.passive:
            copula = plain(forms.past("был", agreement))
            verb = [*copula, *time, *plain(forms.short_participle(participle[0], agreement))]
            object_ = self.phrase(clause.subject, "ins")
        else:
            verb = [*time, *plain(forms.past(past, agreement))]
            object_ = self.phrase(clause.object, "acc") if clause.object else []
        route: list[Word] = []
        if clause.origin and clause.destination:
            route = [Word("из"), *self.phrase(clause.origin, "gen")]
            route += [Word("в"), *self.phrase(clause.destination, "acc")]
        return [*front, *self.phrase(subject, "nom"), *verb, *object_, *route, *place]

    def location(self, phrase: Phrase) -> list[Word]:
        """Return where: ``в Мюнхене``, ``на площади Келлера``; ``loc`` is the prepositional of places."""
        concept = concept_of(phrase)
        preposition = concept.forms["ru"].split()[0] if concept else "в"
        return [Word(preposition), *self.phrase(phrase, "loc")]

    def noun(self, phrase: Noun, case: str) -> list[Word]:
        """Return ``старый учитель Мюнхена``."""
        cell = PREPOSITION.sub("", phrase.concept.forms["ru"])
        person = phrase.concept.kind == "person"
        animate = person or cell.endswith("&")
        text = forms.noun(cell, case, phrase.plural, animate)
        if phrase.adjective:
            number = "pl" if phrase.plural else forms.gender(cell)
            agreed = "pre" if case == "loc" else case
            adjective = forms.adjective(phrase.adjective.forms["ru"], number, agreed, animate)
            text = f"{adjective} {text}"
        of = [Word("из")] if person and phrase.of else []
        return [*plain(text), *of, *(self.phrase(phrase.of, "gen") if phrase.of else [])]

    def person(self, phrase: Person, case: str) -> list[Word]:
        """Return ``господин Келлер`` or ``учитель Томас Келлер``."""
        before: list[Word] = []
        if phrase.title:
            before = plain(forms.noun(phrase.title.forms["ru"], case, False, True))
        words = forms.surname(phrase.surname.forms["ru"], phrase.female, case)
        if phrase.given:
            words = f"{forms.noun(phrase.given.forms['ru'], case, False, True)} {words}"
        return before + name(words, "PER")

    def named(self, phrase: Named, case: str) -> list[Word]:
        """Decline the first noun of a name; what follows stays."""
        cell = PREPOSITION.sub("", phrase.pattern.forms["ru"])
        gender, text = cell.split(maxsplit=1)
        text, _, flag = text.partition(" =")
        parts = NAME.fullmatch(text)
        assert parts is not None
        before, head, rest = parts.groups()
        head = f"{gender} {head.replace(' ', '_')}" + (f" ={flag}" if flag else "")
        head = forms.noun(head, case, False, False)
        base = phrase.base.forms["ru"]
        if phrase.base.kind.startswith("surname"):
            genitive = forms.surname(base, False, "gen")
        else:
            genitive = forms.noun(base, "gen", False, False)
        return formed(phrase, f"{before}{head} {rest}".format(base.split()[0], gen=genitive), "ru")

    def place(self, phrase: Place, case: str) -> list[Word]:
        """Return ``Мюнхена``."""
        return name(forms.noun(phrase.concept.forms["ru"], case, False, False), "LOC")

    def smooth(self, words: list[Word]) -> list[Word]:
        """Write ``во`` before ``в`` and ``ф`` with another consonant."""
        return [
            Word("во") if word.text == "в" and CLUSTER.match(after.text) else word for word, after in with_next(words)
        ]


def gender(phrase: Phrase) -> str:
    """Return ``m``, ``f`` or ``n``."""
    match phrase:
        case Noun():
            return forms.gender(PREPOSITION.sub("", phrase.concept.forms["ru"]))
        case Person():
            return "f" if phrase.female else "m"
        case Named():
            return PREPOSITION.sub("", phrase.pattern.forms["ru"])[0]
        case Place() | Both():
            return "m"
