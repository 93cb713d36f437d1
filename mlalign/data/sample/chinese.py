"""Chinese. Cells: ``公司 家 里`` (noun, measure word, localiser of places); ``了`` is left out."""

from mlalign.data.sample.lexicon import Concept
from mlalign.data.sample.plans import Clause, Noun, Person, Phrase, Sentence
from mlalign.data.sample.realiser import Uninflected, grammatical_subject
from mlalign.data.sample.words import OUTSIDE, Word, name


class Chinese(Uninflected):
    """Subject, time, place, verb, object; no spaces."""

    language = "zh"
    conjunction = "和"
    comma = "，"
    full_stop = "。"
    after_front = "，"

    def text(self, words: list[Word]) -> str:
        """Write words without spaces."""
        return "".join(word.text for word in words)

    def clauses(self, plan: Sentence) -> list[Word]:
        """Put what is earlier or the reason first, unless the reason is an afterthought."""
        if plan.side is None or plan.connective is None:
            return self.main(plan.main)
        main = self.main(plan.main)
        if plan.connective != "because":
            relation = Word("之后" if plan.connective == "after" else "之前")
            return [*self.main(plan.side, aspect=""), relation, Word("，"), *main]
        side = [Word("因为"), *self.main(plan.side)]
        if plan.side_first:
            return [*side, Word("，"), Word("所以"), *main]
        return [*main, Word("，"), *side]

    def main(self, clause: Clause, *, inverted: bool = False, aspect: str = "了") -> list[Word]:
        """Return a clause; the completed aspect is left out before ``之后`` and ``之前``."""
        front, time, place = self.fronted(clause)
        agent: list[Word] = []
        object_: list[Word] = []
        if clause.passive:
            agent = [Word("被"), *self.phrase(clause.subject)]
        elif clause.object:
            object_ = self.phrase(clause.object)
        if clause.origin and clause.destination:
            place = [*place, Word("从"), *self.phrase(clause.origin)]
            object_ = self.phrase(clause.destination)
        subject = self.phrase(grammatical_subject(clause))
        verb = [Word(clause.verb.forms["zh"] + aspect)]
        return [*front, *subject, *time, *place, *agent, *verb, *object_]

    def location(self, phrase: Phrase) -> list[Word]:
        """Return where: ``在慕尼黑``, ``在公园里``."""
        words = [Word("在"), *self.phrase(phrase)]
        if isinstance(phrase, Noun):
            localiser = phrase.concept.forms["zh"].split()[-1]
            return words if localiser == "-" else [*words, Word(localiser)]
        return words

    def noun(self, phrase: Noun) -> list[Word]:
        """Return ``一位年老的教师``; a definite singular is bare."""
        noun, measure, *_ = phrase.concept.forms["zh"].split()
        words = [*self.phrase(phrase.of), Word("的")] if phrase.of else []
        if phrase.plural:
            words.append(Word("这些" if phrase.definite else "一些"))
        elif not phrase.definite:
            words.append(Word(f"一{measure}"))
        if phrase.adjective:
            words.append(Word(phrase.adjective.forms["zh"]))
        return [*words, Word(noun)]

    def person(self, phrase: Person) -> list[Word]:
        """Return ``凯勒先生`` or ``教师托马斯·凯勒``."""
        surname = phrase.surname.forms["zh"]
        words = name(f"{phrase.given.forms['zh']}·{surname}" if phrase.given else surname, "PER")
        if phrase.title is None:
            return words
        title = self.title(phrase.title)
        return [*title, *words] if phrase.title.kind == "person" else [*words, *title]

    def title(self, title: Concept) -> list[Word]:
        """Return ``先生`` or ``教师``, without its measure word."""
        return [Word(title.forms["zh"].split()[0])]


def characters(words: list[Word]) -> list[Word]:
    """Split words into characters, each tagged."""
    return [
        Word(character, inside(word.tag) if position else word.tag)
        for word in words
        for position, character in enumerate(word.text)
    ]


def inside(tag: str) -> str:
    """Return the tag of what continues a word."""
    return tag if tag == OUTSIDE else f"I-{tag[2:]}"
