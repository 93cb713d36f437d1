"""From what was typed to a checked configuration; what is wrong with it in one message."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlalign.checks import apply_ablation, check, nearest
from mlalign.config import Train
from mlalign.errors import ConfigError, UserError

USAGE = 2
INTERRUPTED = 130


def run_command(command: Callable[[], None]) -> NoReturn:
    """Run a Hydra command; a user's mistake ends it with one message and status 2.

    With HYDRA_FULL_ERROR=1 the traceback is shown as well.
    """
    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that errors come here instead of to Hydra's printer
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("lightning", "lightning.pytorch", "lightning.fabric", "datasets", "httpx"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        command()
    except (UserError, HydraException, OmegaConfBaseException, AssertionError) as error:
        if full or not (message := explain(error)):
            raise
        print(message, file=sys.stderr)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.exit(0)


def explain(error: BaseException) -> str:
    """One message for an error of the user, or nothing for an error of ours."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for one in chain:
        if isinstance(one, UserError):
            return f"{type(one).__name__}: {one}"
    for one in chain:
        if isinstance(one, OmegaConfBaseException):
            return f"ConfigError: {_key_and_choices(one, chain)}"
    if isinstance(error, HydraException):
        return f"ConfigError: {_tidy(str(error))}"
    if "Unexpected type for root: NoneType" in str(error):
        return (
            f"ConfigError: {' '.join(sys.argv[1:])}: an override names a loss that this method "
            "does not have; see `python train.py method=... --cfg job -p losses`"
        )
    return ""


def _key_and_choices(error: OmegaConfBaseException, chain: list[BaseException]) -> str:
    """The full key, what was wrong and what would have been right."""
    key = error.full_key or ""
    reason = str(error).splitlines()[0] if error.msg is None else error.msg.splitlines()[0]
    schema: Any = OmegaConf.structured(Train)
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(schema, parent) if parent else schema
    for one in chain:  # Hydra's message says which override it was
        if isinstance(one, HydraException) and "override" in str(one):
            reason = f"{_tidy(str(one))}"
            break
    if isinstance(node, DictConfig) and last not in node:
        return f"{key}: no such key. {nearest(last, [str(name) for name in node])}"
    return f"{key}: {reason}"


def _tidy(message: str) -> str:
    """Hydra's message without the lines that help only its developers."""
    kept = []
    for line in message.splitlines():
        if line.startswith("Config search path") or line.lstrip().startswith("full_key:"):
            break
        if line.strip():
            kept.append(line.replace("\t", "  "))
    return "\n".join(kept)


def resolve(composed: DictConfig) -> Train:
    """A run's configuration, whole and free of contradictions.

    Raises:
        ConfigError: a value is missing, out of range, or contradicts another.
    """
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        keys = ", ".join(missing)
        raise ConfigError(f"{keys}: a value is needed; give it as {missing[0]}=VALUE")
    config = OmegaConf.to_object(composed)
    assert isinstance(config, Train)
    apply_ablation(config)
    check(config)
    for stage in (config.align, config.finetune):
        stage.seed = config.seed if stage.seed is None else stage.seed
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        config.output = str(Path(HydraConfig.get().sweep.dir))
    return config
