"""What can be typed when runs are shown as a figure, or measured."""

from dataclasses import dataclass, field

from hydra.core.config_store import ConfigStore

from mlalign.settings.choices import FigureForm, FigureName


def every_form() -> list[FigureForm]:
    """PNG, SVG and PDF."""
    return list(FigureForm)


@dataclass
class Show:
    """One call of ``evaluate.py figure=NAME`` or ``evaluate.py measures=true``."""

    run: str | None = None  # the folder of a finished run
    runs: str | None = None  # folders or glob patterns of several, comma-separated
    figure: FigureName | None = None
    measures: bool = False  # intrinsic measures of each run, into its measures.json
    numbers: str | None = None  # a csv that a figure was drawn from: draw it anew, without runs
    output: str = "figures"  # a folder
    forms: list[FigureForm] = field(default_factory=every_form)
    language: str | None = None  # of the text that is shown; null: the first target language
    pair: list[str] | None = None  # a sentence and its translation; null: a held-out pair
    words: str | None = None  # lines of English, tab, translation; null: the sample's dictionary
    points: int | None = None  # documents, subwords of each language, or pairs; null: 300, 150, 60
    seed: int = 1  # of t-SNE, of the documents that are drawn by lot and of the language probe


ConfigStore.instance().store("show_schema", Show)
