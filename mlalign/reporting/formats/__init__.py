"""Tables as text, Markdown, LaTeX, CSV and HTML: one function each from the same tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlalign.errors import ConfigError
from mlalign.files import write_whole
from mlalign.reporting.formats.csv import csv
from mlalign.reporting.formats.html import html
from mlalign.reporting.formats.latex import latex
from mlalign.reporting.formats.markdown import markdown
from mlalign.reporting.formats.text import text
from mlalign.reporting.tables import Table


@dataclass(frozen=True)
class Format:
    """How tables are written, and the ending of a file that holds them."""

    suffix: str
    write: Callable[[Sequence[Table]], str]


def _one_by_one(write: Callable[[Table], str]) -> Callable[[Sequence[Table]], str]:
    return lambda tables: "\n\n".join(map(write, tables))


FORMATS = {
    "text": Format(".txt", _one_by_one(text)),
    "markdown": Format(".md", _one_by_one(markdown)),
    "latex": Format(".tex", _one_by_one(latex)),
    "csv": Format(".csv", csv),
    "html": Format(".html", _one_by_one(html)),
}


def chosen_formats(wanted: str | Sequence[str] | None, output: str | None) -> list[str]:
    """Names of formats, from one name or several; None takes the one that the file is named by.

    Raises:
        ConfigError: there is no such format.
    """
    if wanted is None:
        suffix = Path(output or "").suffix
        return [name for name, one in FORMATS.items() if one.suffix == suffix] or ["text"]
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"format={name}: no such format. Choices: {', '.join(FORMATS)}")
    return names


def write_tables(tables: Sequence[Table], formats: Sequence[str], output: str) -> list[Path]:
    """One file for each format, beside each other, with the endings of their formats."""
    stem = Path(output)
    if stem.suffix in {one.suffix for one in FORMATS.values()}:
        stem = stem.with_suffix("")
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in formats:
        path = stem.with_name(stem.name + FORMATS[name].suffix)
        write_whole(path, FORMATS[name].write(tables) + "\n")
        paths.append(path)
    return paths
