"""From patterns of runs to tables on the terminal and in files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlalign.reporting.comparison import comparison
from mlalign.reporting.formats import FORMATS, chosen_formats, write_tables
from mlalign.reporting.runs import find_runs, find_unfinished


def compare_runs(
    patterns: str, *, formats: str | Sequence[str] | None = None, output: str | None = None, **settings: Any
) -> list[Path]:
    """Show the tables of some runs, or write them and show them as text.

    Args:
        patterns: folders or glob patterns, comma-separated.
        formats: one name, several, or None: as ``output`` is named, else text. Without ``output`` the first is shown.
        output: a file; see ``write_tables``.
        settings: see ``comparison``.

    Returns:
        The files that were written.
    """
    names = chosen_formats(formats, output)
    tables = comparison(find_runs(patterns), unfinished=find_unfinished(patterns), **settings)
    paths = [] if output is None else write_tables(tables, names, output)
    print(f"\n{FORMATS[names[0] if output is None else 'text'].write(tables)}")
    for path in paths:
        print(f"\ntables   {path}")
    return paths
