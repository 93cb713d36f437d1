"""What makes an aligned encoder, a run, a sweep or a row of a table the same: derived from the schema.

Every setting of the schema says what it affects; a key that the schema does not know affects everything.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, is_dataclass

import mlalign
from mlalign.config.schema import Train
from mlalign.config.settings import EVERYTHING, Affects, Leaf, leaves, values
from mlalign.data.languages import ENGLISH
from mlalign.files import JsonObject

TUNED = "tuned"  # marks what has settings that trials chose
SEEDS = ("seed", "align.seed", "finetune.seed")
VARIES = {  # kind of table -> keys, or groups of them, that its rows may differ in
    "main": (
        *("method", "losses", "ablation", "fusion", "weighting", "align", "backbone", "tuning", "finetune", "vectors"),
        *("data.links", "data.lexicon"),
    ),
    "ablation": ("method", "losses", "ablation", "fusion"),
    "backbone": ("backbone", "align", "finetune.learning_rate", "finetune.evaluations", "finetune.max_length"),
}


def fingerprint(value: object) -> str:
    """A short name for everything in a value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def leaf_of(key: str) -> Leaf:
    """What the schema says of a full key, which may name something inside a setting such as ``trainer.options``."""
    while key and key not in leaves(Train):
        key = key.rpartition(".")[0]
    return leaves(Train).get(key, EVERYTHING)


def affects_nothing(key: str) -> bool:
    """Whether a full key, or every setting of a group, affects neither an encoder nor a run."""
    inside = [leaf for name, leaf in leaves(Train).items() if name.startswith(f"{key}.")] or [leaf_of(key)]
    return all(leaf.affects == Affects.nothing for leaf in inside)


def alignment_settings(config: Train) -> JsonObject:
    """Full key -> value of what affects the aligned encoder, the content of files apart."""
    found = {key: value for key, value in values(config).items() if leaf_of(key).affects == Affects.alignment}
    if config.backbone.path is not None:
        del found["backbone.name"]  # the same files are the same encoder, whatever it is called
    return found


def recipe_of(settings: JsonObject, **read: object) -> JsonObject:
    """Everything that an encoder follows from; its fingerprint names the encoder's folder.

    Args:
        **read: what identifies the files of weights, of the tokenizer and of text.
    """
    return {"version": mlalign.__version__, "settings": settings, **read}


def run_name(config: Train, files: Mapping[str, object]) -> str:
    """The name of a run's folder: words for readers, and a fingerprint of what affects the run.

    Args:
        files: full key of a local folder -> what identifies its content.
    """
    settings = {key: value for key, value in values(config).items() if leaf_of(key).affects != Affects.nothing}
    words = [config.backbone.name.split("/")[-1], system_name(config.method.name, config.tuning)]
    words += [config.ablation.name] if config.ablation.name != "none" else []
    words += [TUNED] if config.method.trials else []
    words += shot_words(config.finetune.shots)
    words += [f"from_{config.task.source}"] if config.task.source != ENGLISH else []
    return "-".join([*words, f"seed{config.seed}", fingerprint({**settings, **files})[:8]])


def system_name(method: str, tunings: Iterable[str]) -> str:
    """A method with what fine-tuning does besides; a tuning that is the method itself is not named twice."""
    return "+".join(dict.fromkeys([method, *sorted(tunings)]))


def shot_words(shots: Mapping[str, int]) -> list[str]:
    """What marks that a few labels of target languages were learned: ``10de`` of ``{de: 10}``."""
    return [f"{number}{language}" for language, number in sorted(shots.items())]


def is_compared(key: str, groups: Collection[str] | None = None) -> bool:
    """Whether runs that differ in a setting are told apart in tables.

    Args:
        groups: count only keys that are among these or in one of them; None: all.
    """
    leaf = leaf_of(key)
    is_in = groups is None or any(f"{key}.".startswith(f"{group}.") for group in groups)
    return is_in and leaf.compared and leaf.affects != Affects.nothing and key not in SEEDS


def setting_name(config: Train) -> str:
    """The same for runs that a table of methods may put side by side, whatever their seeds."""
    settings = {key: one for key, one in values(config).items() if is_compared(key)}
    rest = {key: one for key, one in settings.items() if not is_compared(key, VARIES["main"])}
    return f"{config.task.name}-{config.backbone.name.split('/')[-1]}-{fingerprint(rest)[:8]}"
