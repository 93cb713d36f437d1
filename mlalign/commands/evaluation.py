"""What ``evaluate.py`` is asked, told apart by its keys, and answered by the function that the question names."""

from collections.abc import Callable, Sequence
from functools import partial
from pkgutil import resolve_name
from typing import get_type_hints

from omegaconf import DictConfig, OmegaConf

from mlalign.config.commands import COMMANDS, COMPARE, Question
from mlalign.config.explained import refuse_missing
from mlalign.config.hydra import given
from mlalign.config.plain import Schema, as_object
from mlalign.config.settings import refuse, wrong_values
from mlalign.errors import ConfigError, closest


def select_command(words: Sequence[str]) -> tuple[str, Callable[[DictConfig], None]]:
    """The name of the configuration and the job that typed words ask for, misspelt ones too: its keys are then told."""
    known = {name for one in COMMANDS.values() for name in get_type_hints(one.schema)}
    typed = {word.partition("=")[0] for word in words if "=" in word}
    keys = {key if key.partition(".")[0] in known else closest(key, known) for key in typed}
    name = next((name for name, one in COMMANDS.items() if not keys.isdisjoint(one.keys)), COMPARE)
    return name, partial(answer, COMMANDS[name])


def answer(question: Question, composed: DictConfig) -> None:
    """Call the function that answers, imported only now, with what is typed."""
    if question is COMMANDS[COMPARE] and OmegaConf.is_missing(composed, "runs"):
        raise ConfigError(
            "no runs are named: runs='GLOB' compares finished runs (with table=, figure= or report=), "
            "run=FOLDER scores one again (with predict=FILE or export=transformers it is put to use)"
        )
    settings = given(composed, question.schema) if question.groups else settings_of(composed, question.schema)
    resolve_name(f"mlalign.{question.answer}")(settings)


def settings_of(composed: DictConfig, schema: type[Schema]) -> Schema:
    """What is typed, as its schema; a missing value is refused, and one out of range."""
    refuse_missing(composed)
    settings = as_object(composed, schema)
    refuse(wrong_values(settings))
    return settings
