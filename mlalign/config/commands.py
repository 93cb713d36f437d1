"""What can be typed at ``evaluate.py`` and the dashboard; what is left out of a rescoring stays as it was run."""

from dataclasses import dataclass, field, fields
from functools import partial
from typing import NamedTuple

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from mlalign.config import enums
from mlalign.config.frozen import Group
from mlalign.config.schema import Trainer
from mlalign.config.settings import A_PATH, CLOSED_SHARE, SEED, Range, at_least, setting
from mlalign.config.task import TypedTask
from mlalign.files import Json, JsonObject

# An empty pattern would be the whole disk.
RUNS = Range(lambda runs: bool(runs.strip(" ,")), "folders of finished runs, as 'outputs/**'", of_paths=True)
TWO = Range(lambda languages: len(languages) == 2, "those of source and target, such as [en,de]")


@dataclass
class Tables:
    """What the tables of finished runs are made from."""

    runs: str = setting(MISSING, RUNS)  # folders or glob patterns of finished runs, comma-separated
    table: enums.TableKind = enums.TableKind.main
    baseline: str | None = None  # the row that the others are tested against; null: none, of ablations the whole method
    paper: bool = False  # the paper's rows too, where task and backbone are its own
    mixed_code: bool = False  # runs that different code made in one table, which its notes say
    mixed_budget: bool = False  # alignments of different budgets in one table, which its notes say
    every_system: bool = False  # rows that say `not run` for every method and tuning without a run
    resamples: int = setting(10000, at_least(0))  # of the test items, for the bootstrap; 0: none

    @property
    def of_comparison(self) -> JsonObject:
        """The keyword arguments of ``reporting.comparison.comparison``."""
        alike = ("baseline", "paper", "mixed_code", "mixed_budget", "every_system", "resamples")
        return {"kind": self.table, **{key: getattr(self, key) for key in alike}}


@dataclass
class Compare(Tables):
    """One call of ``evaluate.py runs=...``."""

    format: Json = None  # text | markdown | latex | csv | html, or a list; null: as the output is named, else text
    output: str | None = setting(None, A_PATH)  # a file, whose ending with several formats is that of each


@dataclass
class Choose:
    """One call of ``evaluate.py runs=... tuned=FOLDER``."""

    runs: str = setting(MISSING, RUNS)  # folders or glob patterns of train.py -m trial=range(9), comma-separated
    tuned: str = setting(MISSING, A_PATH)  # a folder for one file a method, which train.py tuned=FOLDER reads


@dataclass
class Report(Tables):
    """One call of ``evaluate.py runs=... report=FOLDER``."""

    report: str = setting(MISSING, A_PATH)  # a folder, for report.html, tables/ and figures/
    language: str | None = None  # of the texts in the figures; null: the first target language
    texts: bool = True  # false: the cases show no text, for corpora that may not be passed on
    seed: int = setting(1, SEED)  # of t-SNE, of the documents that are drawn by lot and of the language probe


def unset(group: type[Group]) -> Group:
    """A group in which nothing is said, defaults included."""
    return group(**{one.name: MISSING for one in fields(group)})


@dataclass
class RescoredData:
    """Where the files are."""

    root: str = setting(MISSING, A_PATH)
    on_bad_line: enums.OnBadLine = MISSING


@dataclass
class Rescore:
    """One call of ``evaluate.py run=DIR``."""

    run: str = setting(MISSING, A_PATH)  # the folder of a finished run
    split: enums.Split = enums.Split.test
    selection: enums.Rule | None = None  # oracle: the best on target dev, an upper bound; null: as the run
    data: RescoredData = field(default_factory=RescoredData)
    task: TypedTask = field(default_factory=partial(unset, TypedTask))
    trainer: Trainer = field(default_factory=partial(unset, Trainer))
    finetune: Json = None  # what a task's file says of learning; not used


@dataclass
class Predict:
    """One call of ``evaluate.py run=DIR predict=FILE``."""

    run: str = setting(MISSING, A_PATH)  # the folder of a finished run
    predict: str = setting(MISSING, A_PATH)  # a file of texts, one a line; -: standard input
    input: enums.TextForm | None = None  # tsv: with a header; null: as the file is named, else lines
    language: str | None = None  # of all texts; null: unknown
    selection: enums.Selection | None = None  # null: as the run
    output: str | None = setting(None, A_PATH)  # a file; null: standard output
    format: enums.AnswerForm | None = None  # tsv: of one label each; null: as the output is named, else jsonl
    accelerator: enums.Accelerator = enums.Accelerator.auto


@dataclass
class Export:
    """One call of ``evaluate.py run=DIR export=transformers``."""

    run: str = setting(MISSING, A_PATH)  # the folder of a finished run
    export: enums.ExportForm = MISSING
    language: str | None = None  # of the texts that it will read, whose token is put in front; null: unknown
    selection: enums.Selection | None = None  # null: as the run
    output: str = setting(MISSING, A_PATH)  # a new folder


@dataclass
class Verify:
    """One call of ``evaluate.py verify=DIR``."""

    verify: str = setting(MISSING, A_PATH)  # the folder of a finished run
    trainer: Trainer = field(default_factory=partial(unset, Trainer))


@dataclass
class Overlap:
    """One call of ``evaluate.py overlap=RUNS``."""

    overlap: str = setting(MISSING, RUNS)  # folders or glob patterns of finished runs, comma-separated
    ngram: int = setting(8, at_least(1))  # words; one is two characters in zh, three in ja, six in th and its like
    # Share of a language's texts that may stand there, whole or by an n-gram.
    allowed: float = setting(0.01, CLOSED_SHARE)
    # A file of JSON lines: the three worst texts of each language, and where they stand.
    output: str | None = setting(None, A_PATH)


@dataclass
class Show:
    """One call of ``evaluate.py figure=NAME`` or ``evaluate.py measures=true``."""

    run: str | None = setting(None, A_PATH)  # the folder of a finished run
    runs: str | None = None  # folders or glob patterns of several, comma-separated
    figure: str | None = None  # the name of a file in mlalign/reporting/figures; docs/figures says what each shows
    measures: bool = False  # intrinsic measures of each run, into its measures.json
    numbers: str | None = setting(None, A_PATH)  # a csv that a figure was drawn from: draw it anew, without runs
    output: str = setting("figures", A_PATH)  # a folder
    forms: list[enums.FigureForm] = field(default_factory=lambda: list(enums.FigureForm))
    language: str | None = None  # of the text that is shown; null: the first target language
    pair: list[str] | None = None  # a sentence and its translation; null: a held-out pair
    words: str | None = setting(None, A_PATH)  # lines of English, tab, translation; null: the sample's dictionary
    # Documents, subwords of each language, or pairs; null: 300, 150, 60.
    points: int | None = setting(None, at_least(10))
    seed: int = setting(1, SEED)  # of t-SNE, of the documents that are drawn by lot and of the language probe


@dataclass
class AlignWords:
    """One call of ``evaluate.py align_words=FILE``."""

    # A file: lines of source ||| target, or with a tab between; words stand between spaces.
    align_words: str = setting(MISSING, A_PATH)
    # The folder of an aligned encoder; results.json of a run names it under aligned.
    encoder: str = setting(MISSING, A_PATH)
    languages: list[str] = setting(MISSING, TWO)  # of source and target
    output: str = setting(MISSING, A_PATH)  # a file: lines of links i-j, the first word being 0
    # A file of links by people, i-j sure and i?j possible: the alignment error rate.
    gold: str | None = setting(None, A_PATH)
    accelerator: enums.Accelerator = enums.Accelerator.auto


@dataclass
class Dashboard:
    """One call of ``python -m mlalign.reporting.dashboard``."""

    run: str | None = setting(None, A_PATH)  # a finished run: its task, metric and tested languages
    task: str = "mldoc"  # this and the next two: without one
    metric: str | None = None  # null: that of the task's file in conf/task
    languages: list[str] = field(default_factory=lambda: ["en", "de", "es", "fr", "ru", "zh"])
    project: str = "mlalign"
    entity: str | None = None  # null: the account's own
    title: str | None = None  # null: the task's name
    output: str | None = setting(None, A_PATH)  # a JSON file for the specification, instead of saving it online


class Question(NamedTuple):
    """What can be asked at ``evaluate.py``."""

    schema: type  # of what is typed
    keys: tuple[str, ...]  # any of which asks it; of several questions that are asked so, the first is meant
    answer: str  # a function, ``room.module:name``, which is imported when it is asked
    groups: tuple[str, ...] = ()  # of ``conf/`` that can be chosen; what is not typed stays as it was run


COMPARE = "evaluate"  # what is asked where nothing else is
COMMANDS = {  # name of a configuration -> what is asked
    "align_words": Question(AlignWords, ("align_words",), "commands.word_links:align_words"),
    "choose": Question(Choose, ("tuned",), "reporting.tuned:write_chosen"),
    "report": Question(Report, ("report",), "commands.report:make_report"),
    "overlap": Question(Overlap, ("overlap",), "commands.overlap:check_overlap"),
    "verify": Question(Verify, ("verify",), "commands.verify:verify_typed", ("trainer",)),
    "predict": Question(Predict, ("predict",), "commands.predict:predict"),
    "export": Question(Export, ("export",), "commands.export:export"),
    "show": Question(Show, ("figure", "measures"), "commands.show:show"),
    "rescore": Question(Rescore, ("run",), "commands.rescore:rescore_typed", ("task", "trainer")),
    COMPARE: Question(Compare, ("runs",), "reporting.compare:compare_runs"),
}
_QUIET = [{f"override hydra/{one}_logging": "none"} for one in ("job", "hydra")]
_NOWHERE = {"output_subdir": None, "run": {"dir": "."}}  # where Hydra would write what it composes
for _name, _schema, _groups in (
    *((name, one.schema, one.groups) for name, one in COMMANDS.items()),
    ("dashboard", Dashboard, ()),
):
    _defaults = [f"{_name}_schema", "_self_", *({group: None} for group in _groups), *_QUIET]
    ConfigStore.instance().store(f"{_name}_schema", _schema)
    ConfigStore.instance().store(_name, {"defaults": _defaults, "hydra": _NOWHERE})
