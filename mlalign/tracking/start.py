"""Starts a wandb run: online with an account, else offline; an error is one line."""

import logging
import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from mlalign.errors import ConfigError
from mlalign.files import Json

if TYPE_CHECKING:
    import wandb

log = logging.getLogger(__name__)

MODES = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}
HOST = "api.wandb.ai"
START_TIMEOUT, FINISH_TIMEOUT = 30, 60  # seconds to wait for the network
NO_ANSWER = ("imed out", "deadline exceeded", "dial tcp", "no such host", "connection re", "EOF")
OURS = {  # arguments of wandb.init that other keys set, or that follow from the run
    "group": "logger.group",
    "config": "none: it is the whole configuration",
    "dir": "output",
    "id": "none: it follows from the run",
    "job_type": "none: it is the stage",
    "name": "none: it is the run's and the stage's",
    "reinit": "none: every stage is a wandb run",
    "resume": "none: what resumes takes the place of what was stopped",
    "settings": "none: use wandb's environment variables",
}


def in_sweep() -> bool:
    """Whether ``wandb agent`` started this process, which then has one wandb run, the agent's."""
    return bool(os.environ.get("WANDB_SWEEP_ID"))


def mode_of(options: Mapping[str, Json]) -> str:
    """``online``, ``offline`` or ``disabled``: as set, else ``online`` if there is an account.

    Raises:
        ConfigError: the mode is unknown.
    """
    for place, typed in (
        ("logger.options.mode", options.get("mode")),
        ("WANDB_MODE", os.environ.get("WANDB_MODE")),
    ):
        if typed:
            if typed not in MODES:
                raise ConfigError(f"{place}={typed}: expected one of {', '.join(MODES)}")
            return MODES[typed]
    return "online" if _has_account() else "offline"


def _has_account() -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    import wandb

    address = os.environ.get("WANDB_BASE_URL") or wandb.Settings().base_url
    try:
        known = netrc.netrc(os.environ.get("NETRC"))
        return any(known.authenticators(host) for host in (urlparse(address).hostname or "", HOST))
    except (OSError, netrc.NetrcParseError):
        return False


def check_options(options: Mapping[str, Json]) -> None:
    """Refuse arguments that ``wandb.init`` does not have, before anything slow runs.

    Raises:
        ConfigError: naming the option.
    """
    import inspect

    import wandb

    known = [name for name in inspect.signature(wandb.init).parameters if name not in OURS]
    for key, value in options.items():
        if key in OURS:
            raise ConfigError(f"logger.options.{key}: set it through {OURS[key]}")
        if key not in known:
            raise ConfigError(
                f"logger.options.{key}={value}: wandb.init has no such argument. Choices: {', '.join(known)}"
            )
    mode_of(options)


def start(
    options: Mapping[str, Json],
    *,
    identity: str,
    name: str,
    group: str,
    job: str,
    folder: Path,
    config: Mapping[str, Json],
) -> "wandb.Run":
    """A new wandb run, in the place of one that has this id already.

    If the server does not answer, the run is offline.

    Args:
        options: arguments of ``wandb.init``: project, entity, mode, tags, ...
        identity: its id; another project may have one too.
        name: the name it is shown under.
        group: name of the runs that belong together.
        job: ``align``, ``finetune`` or ``test``.
        folder: where wandb's own folder is created.
        config: of the whole run.

    Raises:
        ConfigError: the server refuses the entity, the project or the API key.
    """
    import wandb

    wanted = {**options, "id": identity}
    if in_sweep():  # the agent sets these
        wanted = {key: one for key, one in wanted.items() if key not in ("id", "project", "entity")}
    wanted |= {"name": name, "group": group, "job_type": job}

    def init(mode: str) -> "wandb.Run":
        limits = wandb.Settings(
            silent=True,
            reinit="create_new",
            init_timeout=START_TIMEOUT,
            finish_timeout=FINISH_TIMEOUT,
        )
        return wandb.init(**{**wanted, "mode": mode}, dir=folder, config=dict(config), settings=limits)

    mode = mode_of(options)
    try:
        return init(mode)
    except (wandb.errors.Error, ValueError, OSError) as error:
        lost = isinstance(error, wandb.errors.CommError) and any(sign in str(error) for sign in NO_ANSWER)
        if not lost:
            reason = str(error).strip().splitlines()[0]
            raise ConfigError(
                f"logger=wandb: {reason}; check logger.options.entity, logger.options.project and "
                "`wandb login`, or set logger.options.mode=offline"
            ) from error
    log.warning("wandb: no answer from the server; logging offline")
    wanted["id"] = f"{identity}-offline"  # wandb's service process still holds the first one
    return init("offline")
