"""Tuning: the settings that each trial of a method tries, and those that were chosen among them.

Every method has the same number of trials. Each changes the one or two settings that ``method.tunes`` names, learns as
any other run, and is scored on English dev alone.
"""

import copy
import itertools
from collections.abc import Collection
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf

from mlalign.errors import ConfigError
from mlalign.files import Json, JsonObject

TRIALS = 9
THREE = (1.0, 1 / 3, 3.0)  # times the method's own value, which trial 0 has
NINE = tuple(3.0 ** (power / 2) for power in (0, -1, 1, -2, 2, -3, 3, -4, 4))
CHOSEN = {"backbone": str, "trials": int, "settings": dict}  # what ``chosen_settings`` reads of a file


def tried(own: Collection[float], trial: int) -> list[float]:
    """The values of a trial: nine of a single setting, three by three of two.

    Args:
        trial: from 0 to ``TRIALS - 1``.
    """
    factors = [(one,) for one in NINE] if len(own) == 1 else list(itertools.product(THREE, repeat=2))
    both = zip(own, factors[trial], strict=True)
    return [value if factor == 1 else float(f"{value * factor:.2g}") for value, factor in both]


def tuned(composed: DictConfig, typed: Collection[str]) -> DictConfig:
    """Composed settings with those of ``trial``, or with those that ``tuned`` holds of the method.

    Args:
        typed: keys whose values stay as they are.

    Raises:
        ConfigError: the method has nothing to vary, or there is no such trial or file.
    """
    trial, folder = composed.get("trial"), composed.get("tuned")
    if trial is not None and folder is not None:
        raise ConfigError(f"trial={trial} with tuned={folder}: a trial varies the method's own settings; leave one out")
    if trial is not None:
        found = _of_trial(composed, trial)
    elif folder is not None:
        found = chosen_settings(Path(folder), composed.method.name, composed.backbone.name)
    else:
        return composed
    changed = copy.deepcopy(composed)
    for key, value in found.items():
        if key not in typed or trial is not None:
            OmegaConf.update(changed, key, value)
    return changed


def _of_trial(composed: DictConfig, trial: int) -> JsonObject:
    keys: list[str] = list(composed.method.tunes)
    if not 0 <= trial < TRIALS:
        raise ConfigError(f"trial={trial}: expected 0 to {TRIALS - 1}, as trial=range({TRIALS}) in a sweep")
    if len(keys) not in (1, 2):
        raise ConfigError(f"trial={trial}: method.tunes={keys}: expected the keys of one or two settings")
    own = [OmegaConf.select(composed, key) for key in keys]
    for key, value in zip(keys, own, strict=True):
        if not isinstance(value, int | float) or value <= 0:
            raise ConfigError(f"trial={trial} varies {key} (method.tunes), which is {value}: expected a number above 0")
    return dict(zip(keys, tried(own, trial), strict=True))


def chosen_settings(folder: Path, method: str, backbone: str) -> JsonObject:
    """Full key -> value of what tuning has chosen for a method, the number of its trials among them.

    Raises:
        ConfigError: there is no file of the method, it is none that ``evaluate.py tuned=FOLDER`` wrote, or it was
            written for another backbone.
    """
    path = folder / f"{method}.yaml"
    if not path.is_file():
        raise ConfigError(
            f"tuned={folder}: no {path.name} there, so method={method} has no tuned settings. Run its trials, python "
            f"train.py -m method={method} 'trial=range({TRIALS})' data=another_sample output=TRIALS, and choose, "
            f"python evaluate.py runs='TRIALS/**' tuned={folder}"
        )
    try:
        found: Json = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read ({' '.join(str(error).split())}); choose again") from error
    for name, kind in CHOSEN.items():
        if not isinstance(found, dict) or not isinstance(found.get(name), kind):
            expected = "expected a file that evaluate.py runs=TRIALS tuned=FOLDER wrote"
            raise ConfigError(f"{path}: no {name} in it; {expected}")
    if found["backbone"] != backbone:
        chosen = f"these settings were chosen for backbone.name={found['backbone']}, the run has {backbone}"
        raise ConfigError(f"{path}: {chosen}; run trials with this one, or leave tuned out")
    return {**found["settings"], "method.trials": found["trials"]}
