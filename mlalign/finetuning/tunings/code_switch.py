"""Words of English examples are replaced by translations, anew in every epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from omegaconf import MISSING

from mlalign.config.schema import Train
from mlalign.config.settings import CLOSED_SHARE, setting
from mlalign.data.languages import ENGLISH
from mlalign.data.sampling import stream
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.switching import switched
from mlalign.finetuning.tunings.base import Parts, Tuning, refuse_spans
from mlalign.tasks.updates import Row


class CodeSwitch(Tuning):
    """CoSDA-ML (Qin et al. 2020, arXiv:2006.06402): a language is drawn for each word that is replaced.

    Tags stay on their words; of a translation of several words the first has the tag, the others go
    on with it.
    """

    reads = frozenset({"lexicon"})
    faithful = "words keep their case"
    neutral = {"cross": 0}  # noqa: RUF012

    @dataclass
    class Settings(Tuning.Settings):
        """How much is replaced, by words of which languages."""

        languages: list[str] | None = None  # null: all that the task is tested in
        ratio: float = setting(MISSING, CLOSED_SHARE)  # of the examples that are touched
        cross: float = setting(MISSING, CLOSED_SHARE)  # of the words in them that are to be replaced

        def check(self, config: Train) -> Iterator[str]:
            """It says examples with other words."""
            yield from refuse_spans("code_switch", config)

        def require(self, resources: Resources) -> None:
            """A dictionary of some of the languages."""
            resources.require_lexicon("code_switch", self.chosen(resources))

        def chosen(self, resources: Resources) -> list[str]:
            """The target languages."""
            return resources.languages("tuning.code_switch.languages", self.languages)

    def __init__(self, settings: Settings, parts: Parts) -> None:
        super().__init__(settings, parts)
        self.settings = settings

    def examples(self, rows: Sequence[Row], epoch: int) -> Sequence[Row]:
        """English rows with some words replaced."""
        return [self._switched(row, epoch, place) if row.language == ENGLISH else row for place, row in enumerate(rows)]

    def _switched(self, row: Row, epoch: int, place: int) -> Row:
        parts, settings = self.parts, self.settings
        random = stream(parts.seed, parts.name, epoch, place)
        if random.random() >= settings.ratio:
            return row
        languages = settings.chosen(parts.resources)
        lexicon = parts.resources.lexicon(tuple(languages))
        return Row(switched(parts.resources.task, row.example, lexicon, languages, random, share=settings.cross))
