"""Finished runs as one page, with every table and figure beside it in files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mlalign.commands.report_figures import Figures
from mlalign.config.commands import Report
from mlalign.config.schema import Train
from mlalign.data.languages import ENGLISH
from mlalign.errors import UserError
from mlalign.files import sha256_of, write_whole
from mlalign.finetuning.building import task_files
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.comparison import comparison
from mlalign.reporting.formats import FORMATS, write_tables
from mlalign.reporting.report.cases import Texts, cases_of
from mlalign.reporting.report.facts import facts_of
from mlalign.reporting.report.page import Section, Shown, page
from mlalign.reporting.rows import rows_of
from mlalign.reporting.runs import Run, by_task, find_runs, find_unfinished
from mlalign.stages.preparation import prepare_sample
from mlalign.stages.reopen import config_of

PAGE = "report.html"


def make_report(settings: Report) -> list[Path]:
    """Write the page, the tables of each task in every format, and the figures.

    Returns:
        The files, the page first.

    Raises:
        ConfigError: runs of a task differ in what no row names, or the baseline is unknown.
        DataError: there are no runs, or they contradict each other or their predictions.
    """
    folder = Path(settings.report)
    runs, unfinished = find_runs(settings.runs), find_unfinished(settings.runs)
    kind = settings.table.value
    tables = comparison(runs, unfinished=unfinished, **settings.of_comparison)
    print(f"\n{FORMATS['text'].write(tables)}\n")
    runs_of = by_task(runs)
    written: list[Path] = []
    sections: list[Section] = []
    encoders: list[Shown] = []
    figures = Figures(folder, settings.language, settings.seed)
    for table in tables:
        written += write_tables([table], list(FORMATS), str(folder / "tables" / table.task))
        rows = rows_of(runs_of[table.task], kind)
        labels = runs_of[table.task][0].results.labels
        cases = cases_of(table.task, rows, table.languages, labels)
        ids = iter(cases.ids)
        asked = {language: list(islice(ids, count)) for language, count in cases.languages.items()}
        first = next(iter(next(iter(rows.values())).values()))  # all runs of a task were scored on the same
        texts = texts_of(first, asked) if settings.texts else {}
        sections.append(Section(table, facts_of(rows), figures.of_task(table, rows), cases, texts))
        if not any(one.path for one in encoders):  # of the first task whose runs have what they show
            encoders = figures.of_encoders(table, rows) or encoders
    text = page(sections, encoders=encoders, unfinished=unfinished, with_texts=settings.texts)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PAGE, text)
    for path in (found := [folder / PAGE, *written]):
        print(f"written  {path}")
    return found


def texts_of(run: Run, ids: Mapping[str, Sequence[str]]) -> dict[str, Texts]:
    """The test texts of each language, or the reason why they are not known any more.

    Args:
        run: finished; the paths of its files are still valid from the working directory.
        ids: language -> those of the examples that were scored, in order.
    """
    try:
        config = config_of(run.results, run.folder)
        prepare_sample(config)
    except (UserError, OSError) as error:
        return dict.fromkeys(ids, Texts(reason=str(error)))
    return {language: _texts(run, config, language, found) for language, found in ids.items()}


def _texts(run: Run, config: Train, language: str, ids: Sequence[str]) -> Texts:
    part_name = run.results.split
    alone = replace(config, task=replace(config.task, languages=[language]))
    try:
        part = task_files(alone, learned=False, scored=part_name).read(language, part_name)
    except (UserError, OSError) as error:
        return Texts(reason=str(error))
    for path in (part.path, part.beside):
        known = run.results.data.get(str(path))
        if path is not None and (known is None or sha256_of(path) != known["sha256"]):
            return Texts(reason=f"{path} is not the file that was scored")
    if [one.id for one in part.examples] != list(ids):
        return Texts(reason=f"{part.path} is read as other examples than those that were scored")
    sides = (ENGLISH, language) if task_metrics()[config.task.metric].is_bilingual else None
    return Texts([one.parts for one in part.examples], sides)
