"""From what was typed to a checked configuration; what is wrong with it in one message."""

import logging
import multiprocessing
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, cast, get_origin

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlalign import stopping
from mlalign.config.ablation import apply_ablation
from mlalign.config.described import descriptions, descriptions_of_parts, with_descriptions
from mlalign.config.enums import LASER, BudgetUnit
from mlalign.config.explained import explain, merged, refuse_missing
from mlalign.config.failures import FAILED, as_python_does, described, write_failure
from mlalign.config.folder import CONF, name_of
from mlalign.config.frozen import freeze
from mlalign.config.identity import affects_nothing
from mlalign.config.plain import as_object, schema_of
from mlalign.config.recipes import PARTS, register_resolvers
from mlalign.config.renamed import (
    RENAMED,
    is_address,
    key_of,
    placeholder,
    refuse_both,
    renamed_settings,
    renamed_words,
    warn,
)
from mlalign.config.schema import Train
from mlalign.config.settings import flattened, leaves, refuse, setting, ungrouped, wrong_values
from mlalign.config.sweep import FLAGS, FOLDER, Course, Sweep, is_sweep, sweep_of
from mlalign.config.task import TypedTask
from mlalign.config.trials import tuned
from mlalign.config.validation import MOST, check
from mlalign.config.words import FREE, quoted
from mlalign.data.languages import canonical, language_list
from mlalign.errors import ConfigError, UserError
from mlalign.files import RESULTS, Json, JsonObject

log = logging.getLogger(__name__)

USAGE = 2
INTERRUPTED = 130
RANKS = ("RANK", "SLURM_PROCID")  # of the processes that torchrun or srun started
TRUE = ("true", "yes", "y", "on", "1")  # as OmegaConf reads it
MENDABLE = (UserError, OSError, OmegaConfBaseException)


@dataclass
class Composed(Train):
    """A run while it is composed."""

    task: TypedTask = setting(TypedTask)


TRAIN = OmegaConf.structured(Composed)
for _old in RENAMED:
    OmegaConf.update(TRAIN, _old, placeholder(_old), force_add=True)
for _key, _leaf in leaves(Composed).items():
    if get_origin(_leaf.hint) is dict and _key not in (*FREE, *PARTS):  # whose keys are names of users' own: none is
        OmegaConf.set_struct(OmegaConf.select(TRAIN, _key), False)  # misspelt, and prepare.codes={he: iw} is typed
ConfigStore.instance().store("train_schema", TRAIN)
register_resolvers()


@dataclass
class Command:
    """A Hydra command whose users see one message for a mistake, and status 2.

    A run of a sweep that fails leaves its error in its folder and does not stop the others; all such errors are told
    of at the end. With HYDRA_FULL_ERROR=1 the traceback is shown instead.
    """

    name: str  # of the configuration's file
    job: Callable[[DictConfig], None]  # one run
    folder: Callable[[DictConfig], Path] | None = None  # names that of a run; None for a command that has no sweeps
    total: Callable[[], None] = lambda: None  # called after the runs of a dry sweep, which leaves nothing behind
    _: KW_ONLY
    about: str | None  # what it does and what is typed, the first part of its ``--help``
    full: bool = field(default_factory=lambda: os.environ.get("HYDRA_FULL_ERROR") == "1")
    started: bool = False
    failures: list[str] = field(default_factory=list)
    course: Course = field(default_factory=Course)
    sweep: Sweep | None = None

    def one(self, composed: DictConfig) -> None:
        """What Hydra calls for every run, those of a sweep possibly in other processes."""
        self.started = True
        quiet_libraries()
        if words_of_sweep() is not None and is_first_process():
            self.course.begin(sys.argv[1:])
        try:
            with stopping.reader_may_leave(goes_on=self.sweep is not None):
                self.job(composed)
        except Exception as raised:
            is_setting = isinstance(raised, OmegaConfBaseException)
            error = ConfigError(explain(raised)) if is_setting else as_python_does(raised)
            if self.sweep is not None:
                run = HydraConfig.get()
                failure = self.sweep.failure(error, run.job.num, list(run.overrides.task))
                log.error("%s", failure)
                try:
                    write_failure(self._places(composed, self.sweep)[-1], failure)
                except OSError:  # a full disk
                    self.failures.append(str(failure))
            elif isinstance(error, MENDABLE) and not self.full:
                called = words_of_sweep()
                self.failures.append(f"{' '.join(called)}: {described(error)}" if called else described(error))
            if self.full or not (self.sweep or isinstance(error, MENDABLE)):
                raise
        else:
            if self.sweep is not None:
                places = self._places(composed, self.sweep)
                for place in places:
                    (place / FAILED).unlink(missing_ok=True)
                self.course.end(places[-1] / RESULTS)

    def run(self) -> NoReturn:
        """Let Hydra compose and run; end the process."""
        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of to Hydra's printer
        # Threads that spin for long while they wait make a busy machine several times slower.
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
        open_closed_streams()
        quiet_libraries()
        stopping.install()
        try:
            words = renamed_words(quoted(sys.argv[1:]))
            # Hydra's parser wants all overrides in one row, behind the flag of a sweep.
            sys.argv[1:] = sorted(words, key=lambda word: word not in FLAGS)
            if [word for word in sys.argv[1:] if word.startswith("-")] in (["--help"], ["-h"]):
                with stopping.reader_may_leave():
                    print(self.about)
                    print(help_text(self.name, [word for word in sys.argv[1:] if not word.startswith("-")]))
                sys.exit(0)
            self.sweep = None if self.folder is None else sweep_of(sys.argv[1:])
            dry = is_dry(sys.argv[1:])
            with nowhere(self.sweep) if self.sweep is not None and dry else nullcontext():
                if self.sweep is not None and not any(word.startswith(FOLDER) for word in sys.argv):
                    sys.argv.append(f"{FOLDER}{self.sweep.folder}")
                self.sweep = None if dry else self.sweep
                hydra.main(version_base="1.3", config_path=CONF, config_name=self.name)(self.one)()
            if dry:
                self.total()
        except (KeyboardInterrupt, SystemExit) as end:
            # Lightning turns Ctrl-C into an exit of its own.
            interrupted = isinstance(end.__context__ or end, KeyboardInterrupt)
            status = INTERRUPTED if interrupted else end.args[0] if end.args else 0
            by = "" if interrupted else f" by {stopping.STATUSES.get(status)}"
            if not interrupted and status not in stopping.STATUSES:
                raise
            words = [word for word in sys.argv[1:] if word != "resume=false" and not word.startswith(FOLDER)]
            again = shlex.join([*started_as(), *words])
            resumes = f" The same command resumes: {again}" if self.name == "train" else ""
            print(f"\nStopped{by}.{resumes}", file=sys.stderr)
            sys.exit(status)
        except Exception as error:
            if self.started or self.full:
                raise
            self.failures.append(f"ConfigError: {explain(error)}")
        of_runs: list[str] = []
        if self.sweep is not None and not self.failures:
            of_runs += map(str, self.sweep.failures)
            if is_first_process():  # others may end before the last results are written
                print(f"\n{self.sweep}")
        for failure in (*self.failures, *of_runs):
            # A wrong setting, and what failed in a sweep, is the same in all processes.
            if is_first_process() or not (of_runs or failure.startswith("ConfigError")):
                print(failure, file=sys.stderr)
        sys.exit(USAGE if self.failures or of_runs else 0)

    def _places(self, composed: DictConfig, sweep: Sweep) -> list[Path]:
        """Folders that a run's failure may lie in, the last being where it belongs."""
        assert self.folder is not None
        refused = sweep.refused(HydraConfig.get().overrides.task)
        try:
            return [refused, self.folder(composed)]
        except MENDABLE:
            return [refused]


def started_as() -> list[str]:
    """How this process was started: with a file, or with ``-m`` and a module."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if module is not None and module.origin == sys.argv[0]:
        return ["python", "-m", module.name]
    return ["python", sys.argv[0]]


def is_first_process() -> bool:
    """Whether this process is alone, or the first of those that torchrun or srun started."""
    return {os.environ.get(one, "0") for one in RANKS} == {"0"}


def is_dry(words: Sequence[str]) -> bool:
    """Whether a command line asks for prices alone."""
    return any(key_of(word) == "dry_run" and word.partition("=")[2].lower() in TRUE for word in words)


@contextmanager
def nowhere(sweep: Sweep) -> Iterator[None]:
    """Let Hydra write what it writes of a sweep into a folder that is deleted; the runs keep their names."""
    with TemporaryDirectory(prefix="mlalign-") as folder:
        sys.argv[1:] = [word for word in sys.argv[1:] if not word.startswith((FOLDER, "output="))]
        sys.argv += [f"output={sweep.folder}", f"{FOLDER}{folder}"]
        yield


def words_of_sweep() -> list[str] | None:
    """What was typed for this run of a sweep and says what is run; None for a run alone."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    return [word for word in HydraConfig.get().overrides.task if not affects_nothing(key_of(word))]


def is_of_sweep() -> bool:
    """Whether this process makes a run of a sweep, or is one of several that make it."""
    return words_of_sweep() is not None or (is_started_by_run() and is_sweep(sys.argv[1:]))


def is_started_by_run() -> bool:
    """Whether a run on several devices started this process, which has its command line and not Hydra's state."""
    return multiprocessing.parent_process() is not None


def typed_with(method: str) -> str:
    """The command of this run with another method, without what only its own method has."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")] if is_started_by_run() else []
    words = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else words
    own = re.compile(r"(method|ablation|losses|weighting|fusion)\b")
    kept = [word for word in words if not own.match(key_of(word))]
    return shlex.join(["python", "train.py", *kept, f"method={method}"])


def help_text(name: str, overrides: Sequence[str]) -> str:
    """What ``--help`` lists: the groups that ``train.py`` composes, and every key with its value, choices and meaning.

    Hydra, which copies every schema for every group, takes seconds to make less.
    """
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose(name, list(overrides))
    schema: Any = Train if name == "train" else OmegaConf.get_type(composed)
    said = descriptions(schema)
    for group in PARTS:
        said |= descriptions_of_parts(group, composed.get(group) or ())
    keys = with_descriptions(OmegaConf.to_yaml(composed), said)
    if name != "train":
        return f"Keys of this question (set one: key=value; ??? has no default)\n\n{keys}"
    groups: dict[str, list[str]] = {}
    for path in sorted(Path(CONF).glob("*/**/*.yaml")):
        groups.setdefault(path.parent.relative_to(CONF).as_posix(), []).append(path.stem)
    lines = [f"{group}: {', '.join(names)}" for group, names in sorted(groups.items()) if not group.startswith("hydra")]
    return "\n".join(["Groups (choose one: group=name)", "", *lines, "", "Keys (set one: key=value)", "", keys])


def open_closed_streams() -> None:
    """Send messages nowhere where standard error is closed, and keep files from taking a standard stream's number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def quiet_libraries() -> None:
    """Our own messages plainly, and of the libraries' only what goes wrong."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # read when it is imported, as what follows
    if sys.stderr is None or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # those of transformers, too
    for noisy in ("datasets", "httpx", "httpx2"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def resolve(composed: DictConfig) -> Train:
    """A run's configuration, whole, free of contradictions and frozen.

    Raises:
        ConfigError: a key is unknown; a value is missing, of another type, out of range, or contradicts another.
    """
    composed = tuned(composed, _typed_keys())
    settings: Json = OmegaConf.to_container(composed)
    refuse(ungrouped(settings, Train))
    _tell_renamed(composed)
    whole = merged(schema_of(Train), renamed_settings(settings))
    refuse_missing(whole)
    config = as_object(whole, Train)
    config.data.languages = language_list("data.languages", config.data.languages)
    refuse(wrong_values(config))
    config.task.source, config.data.pivot = map(canonical, (config.task.source, config.data.pivot))
    apply_ablation(config)
    check(config)
    _resolve_budget(config)
    if config.backbone.path is not None and config.backbone.name != LASER:
        config.backbone.name, config.backbone.revision = name_of(config.backbone.path), None
    for stage in (config.align, config.finetune):
        stage.seed = config.seed if stage.seed is None else stage.seed
    if HydraConfig.initialized():
        hydra, group = HydraConfig.get(), config.logger.group
        if hydra.mode == RunMode.MULTIRUN:
            config.output = hydra.sweep.dir if config.output == Train().output else config.output
            group = group or Path(hydra.sweep.dir).name
        config.logger.group = group or hydra.runtime.choices.get("experiment")
    return freeze(config)


def _resolve_budget(config: Train) -> None:
    """A budget of steps is ``align.steps``; the others are known when the text is."""
    budget = config.align.budget
    if budget.amount is None:
        return
    if "align.steps" in _typed_keys():
        raise ConfigError("align.steps and align.budget.amount are both given; leave one of them out")
    if budget.unit == BudgetUnit.steps:
        if budget.amount != int(budget.amount) or budget.amount > MOST:
            raise ConfigError(f"align.budget.amount={budget.amount}: expected a whole number of steps")
        config.align.steps, budget.amount = int(budget.amount), None


def _tell_renamed(composed: DictConfig) -> None:
    """Warn of old keys that files gave; refuse those whose new name is in the same file, or was given after it."""
    for old in RENAMED:
        if OmegaConf.select(composed, old, default=placeholder(old)) != placeholder(old):
            given = _keys_given()
            first = next((place for place, keys in enumerate(given) if old in keys), len(given))
            refuse_both(old, set().union(*given[first:]))
            warn(old)
    if is_address(cast(JsonObject, OmegaConf.to_container(composed.task))):
        log.warning("task.source names the source language now; where the data comes from is task.url")


def _typed_keys() -> set[str]:
    """The keys that were typed for this run."""
    return set(map(key_of, HydraConfig.get().overrides.task)) if HydraConfig.initialized() else set()


def _keys_given() -> list[set[str]]:
    """The keys of each file that was composed, in the order of composition, and those that were typed."""
    if not HydraConfig.initialized():
        return []
    run, found = HydraConfig.get(), []
    words = list(run.overrides.task)
    composition = GlobalHydra.instance().config_loader().compute_defaults_list(run.job.config_name, words, RunMode.RUN)
    folders = [Path(source.path) for source in run.runtime.config_sources if source.schema == "file"]
    for file in composition.defaults:
        for path in (folder / f"{file.config_path}.yaml" for folder in folders):
            if path.is_file():
                settings: Json = OmegaConf.to_container(OmegaConf.load(path))
                found.append({f"{file.package}.{key}".lstrip(".") for key in flattened(settings)})
    return [*found, _typed_keys()]


def given(composed: DictConfig, schema: type) -> JsonObject:
    """What was typed, and nothing else, where a schema leaves the rest missing."""
    typed = merged(schema_of(schema), OmegaConf.to_container(composed))

    def kept(value: Json) -> Json:
        is_group = isinstance(value, dict)
        return {key: kept(one) for key, one in value.items() if one != MISSING} if is_group else value

    return kept(OmegaConf.to_container(typed, enum_to_str=True))


def refuse_typed(group: str, reason: str) -> None:
    """Refuse keys that a file may bring along but nobody may set here."""
    for override in HydraConfig.get().overrides.task:
        if override.lstrip("+~").startswith(f"{group}."):
            raise ConfigError(f"{override}: no setting here; {reason}")
