"""English examples are learned in their translations too."""

from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import MISSING

from mlalign.config.settings import CLOSED_SHARE, setting
from mlalign.data.languages import canonical
from mlalign.data.sampling import stream
from mlalign.finetuning.resources import Resources
from mlalign.finetuning.tunings.base import TargetLanguages, Tuning
from mlalign.tasks.updates import Row


class TranslateTrain(Tuning):
    """Translate-train of XTREME (Hu et al. 2020, arXiv:2003.11080), over one language or several.

    Every epoch learns every English example once, in a language that is drawn for it: as many
    updates as without translations, whatever the number of languages.
    """

    reads = frozenset({"translations"})
    faithful = "an epoch has each example once, in a drawn language, instead of in all"
    neutral = {"share": 0}  # noqa: RUF012

    @dataclass
    class Settings(TargetLanguages):
        """Into which languages, and how much."""

        share: float | None = setting(MISSING, CLOSED_SHARE)  # of rows that are translated; null: English as any other

        def require(self, resources: Resources) -> None:
            """A translation of English train into every language."""
            resources.require_translations(
                "tuning.translate_train.languages", self.chosen(resources), "choose tuning.translate_train.languages"
            )

    settings: Settings

    def examples(self, rows: Sequence[Row], epoch: int) -> Sequence[Row]:
        """English rows in a drawn language; a row without a translation into it stays."""
        languages, resources = self.settings.chosen(self.parts.resources), self.parts.resources
        share = len(languages) / (len(languages) + 1) if self.settings.share is None else self.settings.share
        random = stream(self.parts.seed, self.parts.name, epoch)
        translated = random.random(len(rows)) < share
        drawn = random.integers(len(languages), size=len(rows))
        source = self.parts.source
        return [
            self._said(row, languages[place], resources) if is_translated and row.language == source else row
            for row, place, is_translated in zip(rows, drawn, translated, strict=True)
        ]

    def _said(self, row: Row, language: str, resources: Resources) -> Row:
        translation = resources.translation(row.example, language)
        return row if translation is None else Row(translation, canonical(language))
