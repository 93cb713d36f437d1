"""What ``evaluate.py`` can be asked: compare runs, choose trials, score, check or use a run, show, report, link."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import get_type_hints

from omegaconf import DictConfig, OmegaConf

from mlalign.config import commands as asked
from mlalign.config.hydra import given, refuse_missing, refuse_typed
from mlalign.config.plain import Schema, as_object
from mlalign.config.settings import refuse, wrong_values
from mlalign.errors import ConfigError, closest

Job = Callable[[DictConfig], None]


def select_command(words: Sequence[str]) -> tuple[str, Job]:
    """The name of the configuration and the job that typed words ask for, misspelt ones too: its keys are then told."""
    known = {name for schema, *_ in asked.COMMANDS.values() for name in get_type_hints(schema)}
    typed = {word.partition("=")[0] for word in words if "=" in word}
    keys = {key if key.partition(".")[0] in known else closest(key, known) for key in typed}
    return next((one for key, one in ASKED_BY.items() if key in keys), ("evaluate", compare))


def settings_of(composed: DictConfig, schema: type[Schema]) -> Schema:
    """What is typed, as its schema; a missing value is refused, and one out of range."""
    refuse_missing(composed)
    settings = as_object(composed, schema)
    refuse(wrong_values(settings))
    return settings


def answer(schema: type[Schema], name: str, composed: DictConfig) -> None:
    """Call the function ``room.module:name``, imported only now, with what is typed."""
    resolve_name(f"mlalign.{name}")(settings_of(composed, schema))


def compare(composed: DictConfig) -> None:
    """One table per task, shown, and written where that was asked for."""
    if OmegaConf.is_missing(composed, "runs"):
        raise ConfigError(
            "no runs are named: runs='GLOB' compares finished runs (with table=, figure= or report=), "
            "run=FOLDER scores one again (with predict=FILE or export=transformers it is put to use)"
        )
    settings = settings_of(composed, asked.Compare)

    from mlalign.reporting.compare import compare_runs

    compare_runs(settings.runs, formats=settings.format, output=settings.output, **settings.of_comparison)


def rescore(composed: DictConfig) -> None:
    """One run, scored again."""
    refuse_typed("finetune", "a run that is scored again learns nothing")
    typed = given(composed, asked.Rescore)

    from mlalign.commands.rescore import rescore

    changes = {group: typed[group] for group in ("data", "task", "trainer")}
    rescore(Path(typed["run"]), changes, split=typed["split"], selection=typed["selection"])


def verify(composed: DictConfig) -> None:
    """One run, scored again and compared with what it wrote."""
    typed = given(composed, asked.Verify)

    from mlalign.commands.verify import verify

    verify(Path(typed["verify"]), typed["trainer"])


_SHOW = ("show", partial(answer, asked.Show, "commands.show:show"))
ASKED_BY: dict[str, tuple[str, Job]] = {  # a key that is typed, the first of several -> configuration and job
    "align_words": ("align_words", partial(answer, asked.AlignWords, "commands.word_links:align_words")),
    "tuned": ("choose", partial(answer, asked.Choose, "reporting.tuned:write_chosen")),
    "report": ("report", partial(answer, asked.Report, "commands.report:make_report")),
    "overlap": ("overlap", partial(answer, asked.Overlap, "commands.overlap:check_overlap")),
    "verify": ("verify", verify),
    "predict": ("predict", partial(answer, asked.Predict, "commands.predict:predict")),
    "export": ("export", partial(answer, asked.Export, "commands.export:export")),
    "figure": _SHOW,
    "measures": _SHOW,
    "run": ("rescore", rescore),
}
