"""English sentences of the sample with their dependency trees, named as Universal Dependencies name them."""

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.documents import documents
from mlalign.data.sample.english import HEAD, English, Part
from mlalign.data.sample.plans import Both, Clause, Named, Noun, Person, Phrase, Place, Sentence
from mlalign.data.sample.realiser import full_name
from mlalign.data.sample.words import Word, plain

ENGLISH = English()
FUNCTION = {  # what a word before a noun is to it; others are part of its name
    **dict.fromkeys(("at", "in", "of", "on"), "case"),
    **dict.fromkeys(("a", "an", "some", "the"), "det"),
    **dict.fromkeys(("two", "three", "five"), "nummod"),
    "last": "amod",
}


class Branch(NamedTuple):
    """Words, of each the place of its head among them (-1 for the one that has none), and its relation."""

    words: tuple[str, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]


def grown(*parts: tuple[str, Branch]) -> Branch:
    """Branches side by side, each with its relation to the one that is called ``HEAD``."""
    starts = accumulate((len(part.words) for _, part in parts), initial=0)
    placed = list(zip(starts, parts, strict=False))
    root = next(start + part.heads.index(-1) for start, (relation, part) in placed if relation == HEAD)
    words: list[str] = []
    heads: list[int] = []
    relations: list[str] = []
    for start, (relation, part) in placed:
        words += part.words
        for head, own in zip(part.heads, part.relations, strict=True):
            outer = -1 if relation == HEAD else root
            heads.append(start + head if head >= 0 else outer)
            relations.append(own if head >= 0 else relation)
    return Branch(tuple(words), tuple(heads), tuple(relations))


def leaf(word: str) -> Branch:
    """One word."""
    return Branch((word,), (-1,), (HEAD,))


def chunk(words: list[Word]) -> Branch:
    """Words whose last is the head: ``in the morning``, ``the stock exchange``, ``two days ago``."""
    *front, last = (word.text for word in words)
    if last == "ago":
        return grown(("obl", chunk(words[:-1])), (HEAD, leaf(last)))
    return grown(*((FUNCTION.get(word, "compound"), leaf(word)) for word in front), (HEAD, leaf(last)))


def flat(words: list[Word]) -> Branch:
    """A name whose words are all alike."""
    first, *others = (word.text for word in words)
    return grown((HEAD, leaf(first)), *(("flat", leaf(word)) for word in others))


def after(preposition: str, branch: Branch) -> Branch:
    """``of Munich``."""
    return grown(("case", leaf(preposition)), (HEAD, branch))


def phrase_branch(phrase: Phrase) -> Branch:
    """A noun phrase."""
    words = ENGLISH.phrase(phrase)
    match phrase:
        case Noun():
            return noun_branch(phrase, words)
        case Person():
            names = full_name(phrase, "en")
            before = words[: len(words) - len(names)]
            title = [(FUNCTION.get(word.text, "compound"), leaf(word.text)) for word in before]
            return grown(*title, (HEAD, flat(names)))
        case Named():
            of = next((place for place, word in enumerate(words) if word.text == "of"), None)
            if of is None:
                return chunk(words)
            return grown((HEAD, chunk(words[:of])), ("nmod", after("of", flat(words[of + 1 :]))))
        case Place():
            return flat(words)
        case Both():
            second = grown(("cc", leaf(ENGLISH.conjunction)), (HEAD, phrase_branch(phrase.second)))
            return grown((HEAD, phrase_branch(phrase.first)), ("conj", second))


def noun_branch(phrase: Noun, words: list[Word]) -> Branch:
    """``the old teacher of Munich``."""
    alone = ENGLISH.noun(phrase._replace(of=None))
    adjectives = len(plain(phrase.adjective.forms["en"])) if phrase.adjective else 0
    article, rest = alone[0].text, alone[1:]
    parts = [("det", leaf(article)), *(("amod", leaf(word.text)) for word in rest[:adjectives])]
    parts.append((HEAD, chunk(rest[adjectives:])))
    if phrase.of is not None:
        parts.append(("nmod", after(words[len(alone)].text, phrase_branch(phrase.of))))
    return grown(*parts)


def clause_branch(clause: Clause) -> Branch:
    """A clause."""
    return grown(*((part.relation, part_branch(part)) for part in ENGLISH.parts(clause)))


def part_branch(part: Part) -> Branch:
    """Words, or a phrase with the preposition before it."""
    if part.phrase is None:
        return chunk(part.words)
    before = part.words[: len(part.words) - len(ENGLISH.phrase(part.phrase))]
    return grown(*(("case", leaf(word.text)) for word in before), (HEAD, phrase_branch(part.phrase)))


def sentence_branch(plan: Sentence) -> Branch:
    """A sentence with its full stop, see ``English.clauses``."""
    parts = [(HEAD, clause_branch(plan.main))]
    if plan.side is not None and plan.connective is not None:
        side = ("advcl", grown(("mark", leaf(plan.connective)), (HEAD, clause_branch(plan.side))))
        parts = [side, ("punct", leaf(ENGLISH.comma)), *parts] if plan.side_first else [*parts, side]
    whole = grown(*parts, ("punct", leaf(ENGLISH.full_stop)))
    first, *others = whole.words
    return whole._replace(words=(first[:1].upper() + first[1:], *others))


def treebank(choices: Choices, count: int) -> Iterator[str]:
    """Yield the lines of so many documents' sentences in CoNLL-U."""
    for _, plans in documents(choices, count):
        for plan in plans:
            tree = sentence_branch(plan)
            for number, (word, head, relation) in enumerate(zip(*tree, strict=True), start=1):
                yield f"{number}\t{word}\t_\t_\t_\t_\t{head + 1}\t{relation}\t_\t_\n"
            yield "\n"
