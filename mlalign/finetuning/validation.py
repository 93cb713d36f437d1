"""The settings of fine-tuning that the type of task limits, and those of tunings, which check themselves."""

from collections.abc import Mapping

from mlalign.config.enums import HeadForm
from mlalign.config.parts import PartGroup
from mlalign.config.schema import Train
from mlalign.config.validation import present
from mlalign.data.lexicon import INDUCED
from mlalign.data.readers import PartName
from mlalign.errors import ConfigError
from mlalign.finetuning.tunings import tuning_types
from mlalign.finetuning.tunings.base import READS, Tuning
from mlalign.tasks.classification import Classification
from mlalign.tasks.registry import learned_tasks

PARTS: Mapping[str, PartName] = {"unlabelled": "train", "translations": "translated_train"}  # that READS stand for


def check_tunings(config: Train) -> Train:
    """The configuration with typed and complete settings of every tuning that is present.

    Raises:
        ConfigError: see ``PartGroup.checked``; nothing is learned or left; or what is read is scored.
    """
    given = config.tuning
    config = _tunings().checked(config)
    if given and not config.tuning and not config.method.stages:
        raise ConfigError(
            f"tuning.{next(iter(given))}=null takes away all that method={config.method.name} has; "
            "the run without it is method=none"
        )
    names = ", ".join(config.tuning)
    if names and not config.finetune.epochs:
        raise ConfigError(f"tuning={names}: task={config.task.name} learns nothing; set tuning=none")
    leaking = sorted(set(config.task.never_align_on) & set(config.data.parallel))
    if leaking and reads_parallel(config):
        raise ConfigError(
            f"tuning={names} reads the parallel text, and data.parallel holds {', '.join(leaking)}, whose sentences "
            f"are the test text of task={config.task.name}; a score on it would mean nothing. Leave it out"
        )
    return config


def check_reading(config: Train) -> None:
    """Refuse a head, or windows, that a type of task has no use for.

    Raises:
        ConfigError: with the keys, and what to set.
    """
    task, head = config.task, config.finetune.head.form
    kind = learned_tasks().get(task.metric)
    if kind is None:
        return
    if head == HeadForm.conv and kind.on_tokens:
        raise ConfigError(
            f"finetune.head.form=conv with task={task.name}: it reads a whole text, and this task is about its words; "
            "set finetune.head.form=linear or mlp"
        )
    if not config.finetune.windows:
        return
    if kind is not Classification or task.reads_pairs:
        raise ConfigError(
            f"finetune.windows=true with task={task.name}: only single texts that have one label are read in windows; "
            "set finetune.windows=false"
        )
    if head == HeadForm.conv:
        raise ConfigError(
            "finetune.windows=true with finetune.head.form=conv: the vectors of windows are averaged, and this head "
            "reads words; set finetune.windows=false or finetune.head.form=linear"
        )


def tuning_settings(config: Train) -> dict[str, tuple[type[Tuning], Tuning.Settings]]:
    """Name -> class and typed settings of every tuning of a configuration."""
    group, given = _tunings(), config.tuning
    return {name: (group.types[name], group.settings(name, given[name])) for name in present(given)}


def reads_parallel(config: Train) -> bool:
    """Whether a tuning of a configuration sees the parallel text."""
    return not _read(config).isdisjoint({"parallel", "sides"})


def tunings_read(config: Train) -> set[str]:
    """What the tunings of a configuration see besides labels, as results say it."""
    return {READS[one] for one in _read(config)} | ({"translated test text"} if config.task.translated_test else set())


def _read(config: Train) -> set[str]:
    found = {one for kind, settings in tuning_settings(config).values() for one in settings.read(kind.reads)}
    return found | ({"parallel"} if "lexicon" in found and config.data.lexicon == INDUCED else set())


def parts_read(config: Train) -> dict[PartName, list[str] | None]:
    """Parts of target languages that are learned from -> which of these; None for all that are tested."""
    found: dict[PartName, list[str] | None] = {"train": list(config.finetune.shots)} if config.finetune.shots else {}
    for kind, settings in tuning_settings(config).values():
        asked: list[str] | None = getattr(settings, "languages", None)
        for one in settings.read(kind.reads) & PARTS.keys():
            before = found.get(PARTS[one], [])
            found[PARTS[one]] = None if asked is None or before is None else list(dict.fromkeys([*before, *asked]))
    return found


def notes_on_tunings(config: Train) -> set[str]:
    """How the tunings of a configuration differ from what was published, as results say it."""
    found = {name: settings.note(kind.faithful) for name, (kind, settings) in tuning_settings(config).items()}
    return {f"{name}: {note}" for name, note in found.items() if note is not None}


def _tunings() -> PartGroup:
    return PartGroup("tuning", "tuning", tuning_types())
