"""From finished runs to tables on the terminal and in files."""

from pathlib import Path

from mlalign.config.commands import Compare
from mlalign.reporting.comparison import comparison
from mlalign.reporting.formats import FORMATS, chosen_formats, write_tables
from mlalign.reporting.runs import find_runs, find_unfinished


def compare_runs(settings: Compare) -> list[Path]:
    """Show the tables of some runs, one for each task, or write them and show them as text.

    Returns:
        The files that were written.
    """
    names, output = chosen_formats(settings.format, settings.output), settings.output
    unfinished = find_unfinished(settings.runs)
    tables = comparison(find_runs(settings.runs), unfinished=unfinished, **settings.of_comparison)
    paths = [] if output is None else write_tables(tables, names, output)
    print(f"\n{FORMATS[names[0] if output is None else 'text'].write(tables)}")
    for path in paths:
        print(f"\ntables   {path}")
    return paths
