"""``results.json``: what a run found, and all that is needed to believe it; written and read here alone."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from mlalign.config.identity import TUNED, shot_words, system_name
from mlalign.config.recipes import origin
from mlalign.config.renamed import renamed_settings
from mlalign.data.languages import ENGLISH, spoken
from mlalign.data.readers.format import PartName
from mlalign.data.text import parse_json
from mlalign.errors import DataError, TrainingError
from mlalign.files import CONFIG, RESULTS, FileRecord, Json, JsonObject, sha256_of, write_whole
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting import strict_json

SCHEMA = 1
ORACLE = "oracle"  # the selection of checkpoints that looks at the target languages
OF_RESCORED = ("evaluation_of", "steps", "evaluation_code")  # not written for a run itself
PACKAGES = (
    "mlalign",
    "torch",
    "lightning",
    "transformers",
    "tokenizers",
    "datasets",
    "torchmetrics",
)
Scores = Mapping[str, float]  # language -> per cent
CodeHashes = Mapping[str, str | None]


@dataclass(frozen=True)
class Budget:
    """What an alignment was allowed, and what it took; None where it was not recorded.

    Attributes:
        unit: ``steps``, ``pairs``, ``tokens`` or ``flops``; None where nothing had a budget.
        amount: how many of them were allowed.
        steps, pairs, tokens, flops, seconds: how many there were.
        stages: what was spent besides, by other stages or to make what the alignment reads -> ``sentences``,
            ``tokens``, ``flops`` and ``seconds``.
    """

    unit: str | None = None
    amount: float | None = None
    steps: int | None = None
    pairs: int | None = None
    tokens: float | None = None
    flops: float | None = None
    seconds: float | None = None
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class Spending(NamedTuple):
    """What it took to make an encoder: pairs of its steps, positions that were read, operations, seconds."""

    pairs: float
    tokens: float
    flops: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a run found, and how it was made. What older versions did not write has its default.

    Attributes:
        task, metric, method, ablation, backbone: names.
        backbone_commit: of the hub's repository; None for a folder or a backbone that is built.
        backbone_files: name -> SHA-256.
        backbone_tokenizer: what identifies a tokenizer that is not among the files.
        backbone_dropout: kind -> probability.
        seed: of the run.
        selection: which weights were tested.
        scores: language -> the metric in per cent.
        beside: key -> what the task reports beside its metric, as ``scores``.
        never_aligned: languages without parallel text.
        parallel: language -> the parallel files that were read.
        aligned: folder of the aligned encoder; None without alignment.
        weights: rule of selection -> its step; ``kept`` -> the steps whose weights are in the folder.
        curves: stage -> a csv file in the folder.
        coverage: ``scored`` or ``parallel`` -> language -> how the tokenizer covers that text, see ``data.coverage``.
        warnings: of the alignment, and what it lacks of the tested languages.
        reads: what the system saw, labels included; None where it was not recorded.
        notes: how the system differs from its publication.
        budget: of the alignment.
        config: the whole configuration, with today's names of keys.
        versions: of Python and libraries.
        commit: of the checkout, with ``+`` where files differed from it.
        code, alignment_code: hashes of what made the run, and its aligned encoder.
        computing: device, precision and what else decides how numbers are computed.
        seconds: stage -> seconds.
        peak_memory_bytes: of the process.
        data: path of a file that was read -> rows and SHA-256.
        split: the part that was scored.
        evaluation_of: the folder of the run that was scored again; None for a run itself.
        steps: language -> the step whose weights were scored again.
        evaluation_code: hashes of what scored it again.
    """

    task: str
    metric: str
    method: str
    ablation: str
    backbone: str
    backbone_commit: str | None = None
    backbone_files: Mapping[str, str] | None = None
    backbone_tokenizer: Mapping[str, Json] | None = None
    backbone_dropout: Mapping[str, float] = field(default_factory=dict)
    seed: int
    selection: str
    split: PartName = "test"
    scores: Scores
    beside: Mapping[str, Scores] = field(default_factory=dict)
    never_aligned: list[str] = field(default_factory=list)
    parallel: Mapping[str, list[str]] = field(default_factory=dict)
    aligned: str | None = None
    weights: Mapping[str, Json] = field(default_factory=dict)
    curves: Mapping[str, str | None] = field(default_factory=dict)
    coverage: Mapping[str, Mapping[str, Mapping[str, float | None]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    reads: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    budget: Budget | None = None
    config: Mapping[str, Json]
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    code: CodeHashes | None = None
    alignment_code: CodeHashes | None = None
    computing: Mapping[str, Json] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0
    data: Mapping[str, FileRecord] = field(default_factory=dict)
    evaluation_of: str | None = None
    steps: Mapping[str, int] | None = None
    evaluation_code: CodeHashes | None = None

    @property
    def name(self) -> str:
        """What a row of a table is called."""
        return row_name(self.method, self.setting("tuning"), self.ablation, self.trials, self.shots)

    @property
    def source(self) -> str:
        """The language whose labels were learned."""
        return str(self.setting("task").get("source", ENGLISH))

    @property
    def shots(self) -> Mapping[str, int]:
        """Target language -> how many of its labels were learned."""
        return self.setting("finetune").get("shots") or {}

    @property
    def trials(self) -> int:
        """Among how many trials its settings were chosen; 0: the method's own."""
        return int(self.setting("method").get("trials", 0))

    @property
    def origin(self) -> str:
        """Whose settings it has: ``published``, ``own`` or ``tuned``, see ``config.recipes``."""
        return origin(self.config)

    @property
    def spending(self) -> Spending | None:
        """What made the encoder, all stages together; None where that was not recorded."""
        budget = self.budget
        if budget is None:
            return Spending(0, 0, 0, 0) if self.aligned is None and self.reads is not None else None

        def all_of(key: str) -> float:
            return sum(one.get(key, 0) for one in budget.stages.values()) + (getattr(budget, key) or 0)

        return Spending(budget.pairs or 0, all_of("tokens"), all_of("flops"), all_of("seconds"))

    @property
    def summary(self) -> dict[str, float | None]:
        """The averages of the scores."""
        return summary(self.scores, self.source)

    @property
    def is_upper_bound(self) -> bool:
        """Whether the weights were chosen by the languages that were scored."""
        return self.selection == ORACLE

    @property
    def is_of_sample(self) -> bool:
        """Whether the data are the generated sample."""
        return self.setting("data").get("source") == "sample"

    @property
    def labels(self) -> list[str]:
        """Of the task, as the configuration names them."""
        return list(self.setting("task").get("labels", []))

    def setting(self, group: str) -> JsonObject:
        """A group of the configuration; empty where it is not there."""
        return self.config.get(group) or {}

    def to_json(self) -> JsonObject:
        """As the file holds it."""
        found: JsonObject = {"schema": SCHEMA}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "beside":
                found |= {**value, **self.summary}
            elif value is not None or one.name not in OF_RESCORED:
                found[one.name] = asdict(value) if isinstance(value, Budget) else value
        return found | ({"is_upper_bound": self.is_upper_bound} if self.evaluation_of else {})


def row_name(
    method: str, tunings: Iterable[str], ablation: str, trials: int, shots: Mapping[str, int] = MappingProxyType({})
) -> str:
    """Method with what fine-tuning does besides, what is left out, whether it is tuned, and labels of targets."""
    words = [system_name(method, tunings), *([ablation] if ablation != "none" else []), *([TUNED] if trials else [])]
    return " ".join([*words, *shot_words(shots)])


def summary(scores: Mapping[str, float | None], source: str = ENGLISH) -> dict[str, float | None]:
    """Averages over all languages and over all but the source, and what the source is ahead.

    Where a score is missing (None) there is no average: one over fewer languages would not be the
    same thing.
    """
    targets = [score for language, score in scores.items() if spoken(language) != spoken(source)]
    transfer = _mean(targets)
    learned = scores.get(source)
    gap = learned - transfer if learned is not None and transfer is not None else None
    return {
        "average": _mean(scores.values()),
        "transfer_average": transfer,
        "transfer_gap": gap,
    }


def _mean(scores: Collection[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def versions() -> dict[str, str]:
    """Of Python and of the libraries that a score depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit() -> str | None:
    """The checkout's commit, with ``+`` where files differ from it; None outside a checkout."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def write_results(folder: Path, results: Results) -> None:
    """Write ``results.json``; a folder that has one holds a finished run.

    Raises:
        TrainingError: a number in it is not finite.
    """
    content = results.to_json()
    found = ", ".join(strict_json.not_finite(content))
    if found:
        raise TrainingError(f"{folder / RESULTS}: not written, non-finite numbers: {found}")
    write_whole(folder / RESULTS, strict_json.dumps(content, indent=1) + "\n")


def read_results(folder: Path) -> Results:
    """The results of a finished run.

    Raises:
        DataError: there are none, they are of another schema, or a value is not what it should be.
    """
    path = folder / RESULTS
    if not path.is_file():
        begun = "; this run is not finished, and the same command resumes it" if (folder / CONFIG).is_file() else ""
        missing = f"{path}: no such file" if folder.is_dir() else f"{folder}: no such folder"
        raise DataError(f"{missing}; expected the folder of a finished run{begun}")
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: no JSON ({error}); run again with resume=false") from error
    if not isinstance(content, dict) or "config" not in content:
        raise DataError(f"{path}: not the results of a run; run again with resume=false")
    if content.get("schema") != SCHEMA:
        raise DataError(
            f"{path}: schema {str(content.get('schema'))[:40]}, expected {SCHEMA}; it was written by another "
            "version of mlalign: run again with resume=false"
        )
    if faults := "; ".join(_faults(content)):
        raise DataError(f"{path}: {faults}; the file was changed or is of another version: run again with resume=false")
    return _from_json(content)


def changed_files(results: Results) -> Iterator[str]:
    """What a run read and is not the same now."""
    for name, known in results.data.items():
        path = Path(name)
        if not path.is_file():
            yield f"{name}: is not there any more"
        elif sha256_of(path) != known["sha256"]:
            yield f"{name}: has changed since the run"


def _from_json(content: JsonObject) -> Results:
    names = {one.name for one in fields(Results)}
    found = {key: value for key, value in content.items() if key in names}
    found["beside"] = {key: content[key] for key in task_metrics()[content["metric"]].beside if key in content}
    found["config"] = renamed_settings(content["config"])
    if content.get("budget") is not None:
        of_budget = {one.name for one in fields(Budget)}
        found["budget"] = Budget(**{key: value for key, value in content["budget"].items() if key in of_budget})
    return Results(**found)


def _faults(content: JsonObject) -> Iterator[str]:
    """What keeps the values of a file from being those of ``Results``."""
    hints = get_type_hints(Results)
    beside = {key for metric in task_metrics().values() for key in metric.beside}
    hints |= {"budget": Mapping[str, Json] | None, **{key: Scores for key in content if key in beside}}
    for name in ("task", "metric", "method", "ablation", "backbone", "seed", "selection", "scores"):
        if name not in content:
            yield f"{name} is missing"
    for name, hint in hints.items():
        options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if name in content and not any(_fits(content[name], one) for one in options):
            yield f"{name} is {strict_json.dumps(content[name])[:40]}, expected {_called(options[0])}"
    if isinstance(content.get("metric"), str) and content["metric"] not in task_metrics():
        yield f"metric is {content['metric'][:40]}, expected one of {', '.join(task_metrics())}"
    scores = content.get("scores")
    for language, score in scores.items() if isinstance(scores, dict) else ():
        if not isinstance(score, int | float):
            yield f"the score in {language[:40]} is {repr(score)[:40]}"
    budget = content.get("budget")
    if isinstance(budget, dict) and not {"unit", "amount"} <= budget.keys():
        yield "budget has no unit or no amount"


def _fits(value: Json, kind: type) -> bool:
    origin = get_origin(kind) or kind
    return value in get_args(kind) if origin is Literal else isinstance(value, origin)


def _called(kind: type) -> str:
    """What a value of a kind is in JSON."""
    origin = get_origin(kind) or kind
    if origin is Literal:
        return f"one of {', '.join(get_args(kind))}"
    return {str: "a string", int: "a whole number", list: "a list"}.get(origin, "an object")
