"""Writes a dashboard to a file, or saves it online; what prevents it in one line."""

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mlalign.errors import ConfigError
from mlalign.files import write_whole
from mlalign.reporting.dashboard.build import specification

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

PACKAGE = "wandb_workspaces"


def check_package() -> None:
    """Refuse to begin without the library that knows wandb's panels.

    Raises:
        ConfigError: with the command that installs it.
    """
    if importlib.util.find_spec(PACKAGE) is None:
        raise ConfigError(f"{PACKAGE}: not installed; pip install 'mlalign[dashboard]'")


def write(made: "Workspace", path: Path) -> None:
    """The specification as JSON; no account, no network.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(specification(made), ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise ConfigError(f"output={path}: {error.strerror}; name a file") from error


def account(entity: str | None) -> str:
    """The entity that a dashboard is saved under: the one that is named, else the key's own.

    Raises:
        ConfigError: no key, no answer, or a key without an entity.
    """
    import wandb

    try:
        api = wandb.Api(timeout=20)
        found = entity or api.default_entity
    except Exception as error:  # wandb raises errors of many kinds, from four libraries
        raise ConfigError(_unreachable(error)) from error
    if not found:
        raise ConfigError("entity: this account has none of its own; set entity=NAME")
    return str(found)


def save(made: "Workspace") -> str:
    """Save it; returns its address.

    Raises:
        ConfigError: the project or the entity is not there, or there is no answer.
    """
    try:
        made.save()
    except Exception as error:  # as above
        raise ConfigError(_unreachable(error)) from error
    return str(made.url)


def _unreachable(error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"wandb: {reason[:300]}; check `wandb login`, entity, project and the network, or write "
        "the specification with output=FILE"
    )
