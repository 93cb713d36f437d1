"""What can be typed at ``evaluate.py`` and the dashboard; what is left out of a rescoring stays as it was run."""

from dataclasses import dataclass, field, fields
from functools import partial

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from mlalign.config.enums import (
    Accelerator,
    AnswerForm,
    ExportForm,
    FigureForm,
    OnBadLine,
    Rule,
    Selection,
    Split,
    TableKind,
    TextForm,
)
from mlalign.config.frozen import Group
from mlalign.config.schema import Trainer
from mlalign.config.settings import CLOSED_SHARE, SEED, Range, at_least, setting
from mlalign.config.task import TypedTask
from mlalign.files import Json, JsonObject

RUNS = Range(lambda runs: bool(runs.strip(" ,")), "folders of finished runs, as 'outputs/**'")  # else the whole disk
TWO = Range(lambda languages: len(languages) == 2, "those of source and target, such as [en,de]")


@dataclass
class Tables:
    """What the tables of finished runs are made from."""

    runs: str = setting(MISSING, RUNS)  # folders or glob patterns of finished runs, comma-separated
    table: TableKind = TableKind.main
    baseline: str | None = None  # the row that the others are tested against; null: by the table
    paper: bool = False  # the paper's rows too, where task and backbone are its own
    mixed_code: bool = False  # runs that different code made in one table, which its notes say
    mixed_budget: bool = False  # alignments of different budgets in one table, which its notes say
    every_system: bool = False  # rows that say `not run` for every method and tuning without a run
    resamples: int = setting(10000, at_least(0))  # of the test items, for the bootstrap; 0: none

    @property
    def of_comparison(self) -> JsonObject:
        """The keyword arguments of ``reporting.comparison.comparison``."""
        alike = ("baseline", "paper", "mixed_budget", "every_system", "resamples")
        return {"kind": self.table, "mixed": self.mixed_code, **{key: getattr(self, key) for key in alike}}


@dataclass
class Compare(Tables):
    """One call of ``evaluate.py runs=...``."""

    format: Json = None  # one or several of reporting.formats; null: as the output is named
    output: str | None = None  # files that the tables are written to as well


@dataclass
class Choose:
    """One call of ``evaluate.py runs=... tuned=FOLDER``."""

    runs: str = setting(MISSING, RUNS)  # trials: folders or glob patterns, comma-separated
    tuned: str = MISSING  # a folder for one file a method


@dataclass
class Report(Tables):
    """One call of ``evaluate.py runs=... report=FOLDER``."""

    report: str = MISSING  # a folder, for report.html, tables/ and figures/
    language: str | None = None  # of the texts in the figures; null: the first target language
    texts: bool = True  # false: the cases show no text, for corpora that may not be passed on
    seed: int = setting(1, SEED)  # of t-SNE, of the documents that are drawn by lot and of the language probe


def unset(group: type[Group]) -> Group:
    """A group in which nothing is said, defaults included."""
    return group(**{one.name: MISSING for one in fields(group)})


@dataclass
class RescoredData:
    """Where the files are."""

    root: str = MISSING
    on_bad_line: OnBadLine = MISSING


@dataclass
class Rescore:
    """One call of ``evaluate.py run=DIR``."""

    run: str = MISSING
    split: Split = Split.test
    selection: Rule | None = None  # null: as the run
    data: RescoredData = field(default_factory=RescoredData)
    task: TypedTask = field(default_factory=partial(unset, TypedTask))
    trainer: Trainer = field(default_factory=partial(unset, Trainer))
    finetune: Json = None  # what a task's file says of learning; not used


@dataclass
class Predict:
    """One call of ``evaluate.py run=DIR predict=FILE``."""

    run: str = MISSING
    predict: str = MISSING  # a file of texts; -: standard input
    input: TextForm | None = None  # null: as the file is named, else lines
    language: str | None = None  # of all texts; null: unknown
    selection: Selection | None = None  # null: as the run
    output: str | None = None  # a file; null: standard output
    format: AnswerForm | None = None  # null: as the output is named, else jsonl
    accelerator: Accelerator = Accelerator.auto


@dataclass
class Export:
    """One call of ``evaluate.py run=DIR export=transformers``."""

    run: str = MISSING
    export: ExportForm = MISSING
    language: str | None = None  # of the texts that it will read; null: unknown
    selection: Selection | None = None  # null: as the run
    output: str = MISSING  # a folder


@dataclass
class Verify:
    """One call of ``evaluate.py verify=DIR``."""

    verify: str = MISSING
    trainer: Trainer = field(default_factory=partial(unset, Trainer))


@dataclass
class Overlap:
    """One call of ``evaluate.py overlap=RUNS``."""

    overlap: str = setting(MISSING, RUNS)  # folders or glob patterns of finished runs, comma-separated
    ngram: int = setting(8, at_least(1))  # words
    allowed: float = setting(0.01, CLOSED_SHARE)  # share of a language's texts
    output: str | None = None  # a file for the three worst texts of each language


@dataclass
class Show:
    """One call of ``evaluate.py figure=NAME`` or ``evaluate.py measures=true``."""

    run: str | None = None  # the folder of a finished run
    runs: str | None = None  # folders or glob patterns of several, comma-separated
    figure: str | None = None  # one of reporting.figures
    measures: bool = False  # intrinsic measures of each run, into its measures.json
    numbers: str | None = None  # a csv that a figure was drawn from: draw it anew, without runs
    output: str = "figures"  # a folder
    forms: list[FigureForm] = field(default_factory=lambda: list(FigureForm))
    language: str | None = None  # of the text that is shown; null: the first target language
    pair: list[str] | None = None  # a sentence and its translation; null: a held-out pair
    words: str | None = None  # lines of English, tab, translation; null: the sample's dictionary
    # Documents, subwords of each language, or pairs; null: 300, 150, 60.
    points: int | None = setting(None, at_least(10))
    seed: int = setting(1, SEED)  # of t-SNE, of the documents that are drawn by lot and of the language probe


@dataclass
class AlignWords:
    """One call of ``evaluate.py align_words=FILE``."""

    align_words: str = MISSING  # a file of sentence pairs
    encoder: str = MISSING  # the folder of an aligned encoder
    languages: list[str] = setting(MISSING, TWO)  # of source and target
    output: str = MISSING  # a file for the links
    gold: str | None = None  # a file of links that people made
    accelerator: Accelerator = Accelerator.auto


@dataclass
class Dashboard:
    """One call of ``python -m mlalign.reporting.dashboard``."""

    run: str | None = None  # a finished run: its task, metric and tested languages
    task: str = "mldoc"  # this and the next two: without one
    metric: str = "accuracy"
    languages: list[str] = field(default_factory=lambda: ["en", "de", "es", "fr", "ru", "zh"])
    project: str = "mlalign"
    entity: str | None = None  # null: the account's own
    title: str | None = None  # null: the task's name
    output: str | None = None  # a JSON file for the specification, instead of saving it online


for _name, _schema in {
    "evaluate": Compare,
    "choose": Choose,
    "report": Report,
    "rescore": Rescore,
    "predict": Predict,
    "export": Export,
    "verify": Verify,
    "overlap": Overlap,
    "show": Show,
    "align_words": AlignWords,
    "dashboard": Dashboard,
}.items():
    ConfigStore.instance().store(f"{_name}_schema", _schema)
