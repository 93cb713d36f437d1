"""The words: one row per concept, one column per language, read from the tables beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

LANGUAGES = ("en", "de", "es", "fr", "ru", "zh")
TOPICS = ("corporate", "economics", "government", "markets")
TABLES = (*TOPICS, "everyday_nouns", "everyday_verbs", "times", "people", "places", "patterns")


@dataclass(frozen=True, eq=False)
class Concept:
    """One meaning and how each language says it.

    Args:
        table: the table it stands in; for a topic's own words the topic's name.
        kind: what it can do in a sentence, such as ``person``, ``thing`` or ``agent>thing``.
        forms: language -> the word with its inflection, in the notation of that language's module.
        synonym: the same meaning said otherwise, where every language can.
    """

    table: str
    kind: str
    forms: Mapping[str, str]
    synonym: "Concept | None" = None


@cache
def lexicon() -> tuple[Concept, ...]:
    """Return all concepts, in the order of the tables."""
    return tuple(concept for table in TABLES for concept in _read(table))


@cache
def concepts(kind: str, *tables: str) -> tuple[Concept, ...]:
    """Return the concepts of a kind, from some tables or from all."""
    return tuple(concept for concept in lexicon() if concept.kind == kind and concept.table in (tables or TABLES))


def _read(table: str) -> list[Concept]:
    text = resources.files(__package__).joinpath("lexicon", f"{table}.tsv").read_text("utf-8")
    header, *rows = (line.split("\t") for line in text.splitlines())
    return [_concept(table, dict(zip(header, row, strict=True))) for row in rows]


def _concept(table: str, row: Mapping[str, str]) -> Concept:
    choices = {language: row[language].split(" / ") for language in LANGUAGES}
    first = {language: cells[0] for language, cells in choices.items()}
    if all(len(cells) == 1 for cells in choices.values()):
        return Concept(table, row["kind"], first)
    second = {language: cells[-1] for language, cells in choices.items()}
    return Concept(table, row["kind"], first, Concept(table, row["kind"], second))
