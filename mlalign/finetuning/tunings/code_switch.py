"""Words or sentences of English examples are replaced by translations, anew in every epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from omegaconf import MISSING

from mlalign.config.schema import Train
from mlalign.config.settings import CLOSED_SHARE, setting
from mlalign.data.languages import canonical
from mlalign.data.readers.records import LabelledText
from mlalign.data.sampling import stream
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.switching import switched
from mlalign.finetuning.tunings.base import TargetLanguages, Tuning, refuse_spans
from mlalign.tasks.updates import Row


class Unit(StrEnum):
    """What is replaced at a time."""

    word = "word"
    sentence = "sentence"  # as the translated task text has it


class CodeSwitch(Tuning):
    """CoSDA-ML (Qin et al. 2020, arXiv:2006.06402): a language is drawn for each word that is replaced.

    Tags stay on their words; of a translation of several words the first has the tag, the others go
    on with it. ``unit=sentence`` is the form of PPA (Pan et al. 2021, arXiv:2010.12547): of two texts
    one is said in a drawn language; a single one is, whole.
    """

    reads = frozenset({"lexicon", "translations"})
    faithful = "words keep their case"
    neutral = {"cross": 0}  # noqa: RUF012

    @dataclass
    class Settings(TargetLanguages):
        """How much is replaced, by words of which languages."""

        unit: Unit = Unit.word
        ratio: float = setting(MISSING, CLOSED_SHARE)  # of the examples that are touched
        cross: float = setting(MISSING, CLOSED_SHARE)  # of the words in them that are to be replaced

        def check(self, config: Train) -> Iterator[str]:
            """It says examples with other words."""
            yield from refuse_spans("code_switch", config)

        def require(self, resources: Resources) -> None:
            """A dictionary, or translations of English train."""
            if self.unit == Unit.word:
                resources.require_lexicon("code_switch", self.chosen(resources))
            else:
                resources.require_translations(
                    "tuning.code_switch.unit=sentence",
                    self.chosen(resources),
                    "tuning.code_switch.unit=word replaces words by a dictionary instead",
                )

        def read(self, reads: frozenset[str]) -> frozenset[str]:
            """By the unit."""
            return frozenset({"lexicon" if self.unit == Unit.word else "translations"})

        def note(self, faithful: str | None) -> str | None:
            """Of words alone."""
            return faithful if self.unit == Unit.word else None

    settings: Settings

    def examples(self, rows: Sequence[Row], epoch: int) -> Sequence[Row]:
        """English rows with something replaced."""
        source = self.parts.source
        return [self._switched(row, epoch, place) if row.language == source else row for place, row in enumerate(rows)]

    def _switched(self, row: Row, epoch: int, place: int) -> Row:
        parts, settings = self.parts, self.settings
        random = stream(parts.seed, parts.name, epoch, place)
        if random.random() >= settings.ratio:
            return row
        languages = settings.chosen(parts.resources)
        if settings.unit == Unit.sentence:
            return self._one_translated(row, languages[int(random.integers(len(languages)))], random)
        lexicon = parts.resources.lexicon(tuple(languages))
        task = parts.resources.task
        return row._replace(example=switched(task, row.example, lexicon, languages, random, share=settings.cross))

    def _one_translated(self, row: Row, language: str, random: np.random.Generator) -> Row:
        """With one of its texts in a language; a row without a translation into it stays."""
        translation: Any = self.parts.resources.translation(row.example, language)
        if translation is None or not isinstance(row.example, LabelledText) or len(row.example.texts) == 1:
            return row if translation is None else Row(translation, canonical(language))
        texts = list(row.example.texts)
        place = int(random.integers(len(texts)))
        texts[place] = translation.texts[place]
        return row._replace(example=replace(row.example, texts=tuple(texts)))
