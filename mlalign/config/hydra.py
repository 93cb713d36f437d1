"""From what was typed to a checked configuration; what is wrong with it in one message."""

import logging
import multiprocessing
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field, is_dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, cast, get_origin

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import OverrideParseException
from hydra.types import RunMode
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, KeyValidationError, OmegaConfBaseException

from mlalign import stopping
from mlalign.config.described import descriptions, descriptions_of_parts, with_descriptions
from mlalign.config.enums import LASER, BudgetUnit
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
from mlalign.config.validation import MOST, apply_ablation, check, nearest
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
INTERPOLATED = re.compile(  # what OmegaConf says before the reason
    r"While dereferencing interpolation '.*': |\w+( raised)? while resolving interpolation: "
)
UNHELPFUL = re.compile(r"^(?:Config search path|[ \t]*full_key:)", re.MULTILINE)  # but for Hydra's developers


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


def explain(error: BaseException) -> str:
    """What is wrong with what was typed: the full key, what was found, the choices."""
    links = [error]
    while (link := links[-1].__cause__ or links[-1].__context__) is not None and link not in links:
        links.append(link)
    for one in links:
        if isinstance(one, InterpolationResolutionError):
            node = one.child_node if one.full_key else None  # while Hydra composes, no key is known
            typed = " or ".join(word for word in sys.argv[1:] if "${" in word)
            where = typed if node is None else f"{one.full_key}={node._value()}"
            reason = INTERPOLATED.sub("", str(one).splitlines()[0])
            return f"{where}: {reason}; give a value, or ${{KEY}} of a setting that has such a one"
        if isinstance(one, OmegaConfBaseException) and one.full_key:
            return explain_key(one)
    if isinstance(error, AttributeError | AssertionError):  # OmegaConf's, over a key inside of what is null
        words = [word for word in sys.argv[1:] if "." in key_of(word)] or ["a key"]
        return f"{' or '.join(words)}: what it belongs to is null; give all of it as one value"
    if isinstance(error, OverrideParseException):
        reason = str(error).splitlines()[0]
        return f"""{error.override}: Hydra cannot read this ({reason}); a text with brackets, quotes, commas or dollar \
signs is quoted twice, as 'key="a [b]"', and keys in {{...}} have no quotes"""
    lines = UNHELPFUL.split(str(error), maxsplit=1)[0].splitlines()
    message = "\n".join(line.replace("\t", "  ") for line in lines if line.strip())
    if message.startswith("Could not override 'corpus'"):
        return "corpus: corpora are named in a list, as data=hub data.parallel=[ccmatrix,opus100]"
    backbone = re.search(r"Could not (?:find|load) 'backbone/([^']+)'", message)
    if backbone:
        return unlisted_backbone(backbone[1])
    group = re.search(r"Could not (?:find|load) '([\w/]+)/([^/']+)'", message)
    if group:
        options = sorted(path.stem for path in (Path(CONF) / group[1]).glob("*.yaml"))
        known = nearest(group[2], options) if options else "There are none here"
        if group[1] == "hydra/launcher":
            known += "; pip install 'mlalign[sweeps]' brings joblib and what slurm needs"
        return f"{group[1]}={group[2]}: no such choice. {known}"
    return message


def unlisted_backbone(typed: str) -> str:
    """What to type for an encoder that is no choice of the group."""
    paths = sorted((Path(CONF) / "backbone").glob("*.yaml"))
    names = {path.stem: str(OmegaConf.load(path).backbone.name) for path in paths}
    there = f"backbone={typed}: no such choice. "
    for choice, name in names.items():
        if typed in (name, name.split("/")[-1]):
            return f"{there}It is backbone={choice}"
    if Path(typed).is_dir() or typed.startswith(("/", ".", "~")):
        return f"{there}An encoder in a folder is backbone=custom backbone.path={typed}"
    if "/" in typed:
        return f"{there}An encoder of the hub is backbone=custom backbone.name={typed}"
    other = "any other encoder is backbone=custom with backbone.path=FOLDER, or backbone.name=ID of the hub"
    return f"{there}{nearest(typed, names)}; {other}"


def explain_key(error: OmegaConfBaseException) -> str:
    """What is wrong with a key or its value: the full key, what was found, the choices."""
    key, reason = str(error.full_key), str(error).splitlines()[0]
    parent, _, last = key.rpartition(".")
    if isinstance(error, KeyValidationError):
        return f"{key}: {reason}; type it as {key}=VALUE, or in a file write the key in quotes"
    if parent in FREE:
        return f"{key}: {reason}; a new option is added with a plus sign: +{key}=VALUE"
    there = error.parent_node if isinstance(error.parent_node, DictConfig) else {}
    names = [name for name in there if name != "hydra" and ".".join(filter(None, [parent, name])) not in RENAMED]
    if parent == "losses" and last not in names:
        shown = "`python train.py method=NAME --cfg job -p losses` shows what a method has"
        return f"{key}: this method does not have this loss (it has: {', '.join(names) or 'none'}); {shown}"
    if parent == "tuning" and last not in names:
        return f"{key}: this tuning is not chosen (chosen: {', '.join(names) or 'none'}); choose it as tuning={last}"
    inner = [one for one in descriptions(Train) if one.startswith(f"{key}.")]
    if inner and "is not a subclass" in reason:
        return f"{key}: a group of keys, to which no value can be given; set one of {', '.join(inner)}"
    if not parent and last not in names and (meant := keys_with(last, error.parent_node)):
        return f"{key}: no such key. There is {', '.join(meant)}"
    is_closed = is_dataclass(error.object_type) or parent.startswith(("losses.", "tuning."))
    if is_closed and last not in names:
        meant = [f"{parent}.{name}" for name in names if _letters(str(name)) == last]
        return f"{key}: no such key. {f'There is {meant[0]}' if meant else nearest(last, names)}"
    return f"{key}: {reason}"


def keys_with(name: str, node: object) -> list[str]:
    """Full keys of which a part has this name, or its words these first letters, as ``lr`` is ``learning_rate``."""
    settings: Json = OmegaConf.to_container(node) if isinstance(node, DictConfig) else {}
    keys = [key for key in flattened(settings) if key not in RENAMED and not key.startswith("hydra.")]
    return [key for key in keys if any(name in (part, _letters(part)) for part in key.split("."))]


def _letters(name: str) -> str:
    """The first ones of its words: ``lr`` of ``learning_rate``."""
    return "".join(word[:1] for word in name.split("_"))


def refuse_missing(composed: DictConfig | ListConfig) -> None:
    """Hydra lets a forgotten ``???`` pass."""
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        raise ConfigError(f"{', '.join(missing)}: a value is needed; give it as {missing[0]}=VALUE")


def merged(schema: DictConfig, settings: Json) -> DictConfig | ListConfig:
    """A schema with plain settings."""
    try:
        return OmegaConf.merge(schema, settings)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error)) from error


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
