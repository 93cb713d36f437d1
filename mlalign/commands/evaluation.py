"""What ``evaluate.py`` can be asked: compare runs, choose trials, score, check or use a run, show, report, link."""

from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from mlalign.config.commands import AlignWords, Choose, Compare, Export, Overlap, Predict, Report, Rescore, Show, Verify
from mlalign.config.hydra import given, refuse_missing, refuse_typed
from mlalign.config.plain import as_object
from mlalign.errors import ConfigError

Job = Callable[[DictConfig], None]


def select_command(words: Sequence[str]) -> tuple[str, Job]:
    """The name of the configuration and the job that typed words ask for."""
    keys = {word.split("=")[0] for word in words}
    if "align_words" in keys:
        return "align_words", link_words
    if "tuned" in keys:
        return "choose", choose
    if "report" in keys:
        return "report", report_on
    if "overlap" in keys:
        return "overlap", find_overlap
    if "verify" in keys:
        return "verify", verify
    if "predict" in keys:
        return "predict", predict
    if "export" in keys:
        return "export", export
    if keys & {"figure", "measures"}:
        return "show", draw_figure
    return ("rescore", rescore) if "run" in keys else ("evaluate", compare)


def compare(composed: DictConfig) -> None:
    """One table per task, shown, and written where that was asked for.

    Raises:
        ConfigError: no runs are named.
    """
    if OmegaConf.is_missing(composed, "runs"):
        raise ConfigError(
            "no runs are named: runs='GLOB' compares finished runs (with table=, figure= or report=), "
            "run=FOLDER scores one again (with predict=FILE or export=transformers it is put to use)"
        )
    settings = as_object(composed, Compare)
    refuse_empty(settings.runs)

    from mlalign.reporting.compare import compare_runs

    compare_runs(settings.runs, formats=settings.format, output=settings.output, **settings.of_comparison)


def choose(composed: DictConfig) -> None:
    """The settings of each method that did best among its trials."""
    refuse_missing(composed)
    settings = OmegaConf.to_object(composed)
    assert isinstance(settings, Choose)
    refuse_empty(settings.runs)

    from mlalign.reporting.tuned import write_chosen

    write_chosen(settings.runs, Path(settings.tuned))


def refuse_empty(runs: str) -> None:
    """An empty pattern would walk over the whole folder.

    Raises:
        ConfigError: it is empty.
    """
    if not runs.strip(" ,"):
        raise ConfigError("runs= is empty: name the folders of finished runs, as runs='outputs/**'")


def rescore(composed: DictConfig) -> None:
    """One run, scored again."""
    refuse_typed("finetune", "a run that is scored again learns nothing")
    typed = given(composed, Rescore)

    from mlalign.commands.rescore import rescore

    changes = {group: typed[group] for group in ("data", "task", "trainer")}
    rescore(Path(typed["run"]), changes, split=typed["split"], selection=typed["selection"])


def verify(composed: DictConfig) -> None:
    """One run, scored again and compared with what it wrote."""
    typed = given(composed, Verify)

    from mlalign.commands.verify import verify

    verify(Path(typed["verify"]), typed["trainer"])


def find_overlap(composed: DictConfig) -> None:
    """Test text in what runs aligned on.

    Raises:
        ConfigError: no runs are named, or a number is out of range.
    """
    refuse_missing(composed)
    settings = as_object(composed, Overlap)
    if not settings.overlap.strip(" ,"):
        raise ConfigError("overlap= is empty: name the folders of finished runs, as overlap='outputs/**'")
    if settings.ngram < 1:
        raise ConfigError(f"ngram={settings.ngram}: expected at least 1")
    if not 0 <= settings.allowed <= 1:
        raise ConfigError(f"allowed={settings.allowed:g}: expected a share in [0, 1]")

    from mlalign.commands.overlap import check_overlap

    check_overlap(settings)


def predict(composed: DictConfig) -> None:
    """Texts without labels, by one run."""
    refuse_missing(composed)

    from mlalign.commands.predict import predict

    predict(as_object(composed, Predict))


def export(composed: DictConfig) -> None:
    """One run, for a library that knows nothing of this one."""
    refuse_missing(composed)

    from mlalign.commands.export import export

    export(as_object(composed, Export))


def report_on(composed: DictConfig) -> None:
    """A page with tables, figures and cases, and each of these in files."""
    refuse_missing(composed)
    settings = as_object(composed, Report)
    refuse_empty(settings.runs)

    from mlalign.commands.report import make_report

    make_report(settings)


def link_words(composed: DictConfig) -> None:
    """Word alignments of sentence pairs."""
    refuse_missing(composed)

    from mlalign.commands.word_links import align_words

    align_words(as_object(composed, AlignWords))


def draw_figure(composed: DictConfig) -> None:
    """A figure of runs, or their measures."""
    from mlalign.commands.show import show

    show(as_object(composed, Show))
