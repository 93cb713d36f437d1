"""Finished runs as one page, with every table and figure beside it in files."""

from pathlib import Path

from mlalign.commands.report_figures import Figures
from mlalign.commands.texts import texts_of
from mlalign.config.commands import Report
from mlalign.files import write_whole
from mlalign.reporting.comparison import comparison
from mlalign.reporting.formats import FORMATS, write_tables
from mlalign.reporting.report.cases import Cases, Texts, cases_of
from mlalign.reporting.report.facts import facts_of
from mlalign.reporting.report.page import Section, Shown, page
from mlalign.reporting.rows import Rows, rows_of
from mlalign.reporting.runs import by_task, find_runs, find_unfinished

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
        texts = _texts(rows, cases) if settings.texts else {}
        sections.append(Section(table, facts_of(rows), figures.of_task(table, rows), cases, texts))
        encoders = encoders or figures.of_encoders(table, rows)
    text = page(sections, encoders=encoders, unfinished=unfinished, with_texts=settings.texts)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PAGE, text)
    for path in (found := [folder / PAGE, *written]):
        print(f"written  {path}")
    return found


def _texts(rows: Rows, cases: Cases) -> dict[str, Texts]:
    """Of the first run's files: all runs of a task were scored on the same."""
    ids, start = {}, 0
    for language, count in cases.languages.items():
        ids[language] = cases.ids[start : start + count]
        start += count
    return texts_of(next(iter(next(iter(rows.values())).values())), ids)
