"""The same table in every format: what a reader of that format finds in it."""

import io
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from reporting.made import run, runs

from mlalign.errors import ConfigError
from mlalign.reporting.comparison import comparison
from mlalign.reporting.formats import FORMATS, chosen_formats, write_tables
from mlalign.reporting.formats.grid import BY_SEEDS, cell_text, grids, p_value

NASTY = "a_b&<c>|5% *d* [e]$#~^{h}\\i`j`猫"
SCORES = {
    "none": [(50.0, 40.0), (52.0, 44.0), (51.0, 41.0)],
    "multilevel": [(60.0, 52.0), (64.0, 54.0), (61.0, 55.0)],
}


class Cells(HTMLParser):
    """Rows of every table of a page, as the texts of their cells; scopes of the heads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.scopes: set[str | None] = set()
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            if tag == "th":
                self.scopes.add(dict(attributes).get("scope"))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def tables():
    """A table with a missing cell, a copied row and a name that every format must escape."""
    found = runs(**SCORES)
    found += [run("multilevel", 1, ru=None, ablation=NASTY)]
    return comparison(found)


def texts(grid):
    return [["", *grid.head], *([row.name, *map(cell_text, row.cells)] for row in grid.rows)]


def expected(tables):
    return [texts(grid) for table in tables for grid in grids(table)]


def test_the_grid_marks_what_is_beyond_seeds_and_what_is_missing(tables):
    scores, tests = grids(tables[0])
    by_name = {row.name: dict(zip(scores.head, row.cells, strict=True)) for row in scores.rows}
    cell = by_name["multilevel"]["targets only"]
    assert cell_text(cell) == f"57.7 ± 1.5{BY_SEEDS}"
    assert cell_text(by_name[f"multilevel {NASTY}"]["ru"]) == "—"
    assert scores.head[-1] == "seeds"
    assert [row.group for row in scores.rows] == ["baseline", "ours", "ours"]
    row = dict(zip(tests.head, tests.rows[0].cells, strict=True))
    assert row["difference"].text == "+11.3"
    assert row["equal within"].text == "12.3"  # mean 34/3, sd 1/√3, t(0.95; 2) = 2.92
    assert row["d_z"].text == "+19.63"  # differences 11, 11, 12: 34/3 over 1/√3


def test_what_d_z_is_worth_with_few_pairs_is_said_in_words():
    def note_of(**scores):
        (table,) = comparison(runs(**scores))
        return next(note for note in grids(table)[-1].notes if "d_z" in note)

    none, multilevel, two = SCORES["none"], SCORES["multilevel"], [(60.0, 52.0), (66.0, 56.0)]
    assert note_of(none=none, labse=two).endswith("says nothing about an effect's size with 2 pairs.")
    both = note_of(none=none, labse=two, multilevel=multilevel)
    assert both.endswith("by a factor of 1.77 with 3 pairs, and says nothing about an effect's size with 2 pairs.")


def test_p_is_never_said_to_be_nought():
    assert [p_value(one) for one in (0.0004, 0.0344, None)] == ["<0.001", "0.034", "n/a"]


def test_text_has_its_numbers_below_each_other(tables):
    lines = FORMATS["text"].write(tables).splitlines()
    head = next(line for line in lines if "seeds" in line and "targets" in line)
    rows = [line for line in lines if re.match(r"(none|multilevel) ", line)][:3]
    points = [{found.start() for found in re.finditer(r"\.\d( ±|\*|  |$)", row)} for row in rows]
    assert points[0] <= points[1]
    assert len(head) <= 160


def test_text_that_is_too_wide_goes_on_below():
    scores = {f"l{number}": 50.0 + number for number in range(40)}
    text = FORMATS["text"].write(comparison([run(scores=scores), run("mlm", scores=scores)]))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 160
    for value in scores.values():
        assert len(re.findall(rf"(?<!\d){value:.1f}", text)) >= 2
    assert sum(line.startswith("none ") for line in lines) > 1


def test_markdown_renders_to_the_same_cells(tables):
    page = MarkdownIt("commonmark").enable("table").render(FORMATS["markdown"].write(tables))
    assert Cells(page).tables == expected(tables)
    assert page.count("<li>") == sum(len(g.notes) for one in tables for g in grids(one))
    assert "<c>" not in page


def test_html_holds_the_same_cells_with_their_scopes(tables):
    page = Cells(FORMATS["html"].write(tables))
    found = [[[cell.replace("  ", " ") for cell in row] for row in one] for one in page.tables]
    assert found == expected(tables)
    assert page.scopes == {"row", "col"}
    assert "style" not in page.attributes


def test_csv_has_a_line_for_each_cell_with_its_tests(tables):
    frame = pd.read_csv(io.StringIO(FORMATS["csv"].write(tables)), keep_default_na=False)
    table = tables[0]
    assert len(frame) == len(table.rows) * len(table.columns)
    frame = frame.set_index(["row", "column"])
    for row in table.rows:
        for column, cell in row.cells.items():
            line = frame.loc[row.name, column]
            assert int(line["n"]) == len(cell.values)
            assert (line["mean"] == "") == (cell.mean is None)
            if cell.against is not None and cell.against.seeds.p is not None:
                assert float(line["p"]) == pytest.approx(cell.against.seeds.p, rel=1e-5)
                assert float(line["p_holm"]) == pytest.approx(cell.against.seeds_holm, rel=1e-5)
                bounds = (float(line["low"]), float(line["high"]))
                assert bounds == pytest.approx(cell.against.seeds.interval, rel=1e-5)
                assert float(line["equal_within"]) == pytest.approx(cell.against.seeds.equal_within, rel=1e-5)


def test_latex_has_a_cell_for_each_column(tables):
    source = FORMATS["latex"].write(tables)
    for columns, body in re.findall(
        r"\\begin{tabular}{@{}l\*{(\d+)}{r}@{}}(.*?)\\end{tabular}", source, flags=re.DOTALL
    ):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 2
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {int(columns)}
    assert source.count(r"\begin{table}") == source.count(r"\end{table}") == 2


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_with_booktabs_alone(tables, tmp_path):
    source = FORMATS["latex"].write(tables).replace("猫", "")  # not a letter of TeX's own fonts
    document = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{source}\n\\end{{document}}\n"
    (tmp_path / "tables.tex").write_text(document, encoding="utf-8")
    ended = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert "Overfull" not in ended.stdout


def test_formats_are_chosen_by_name_or_by_the_files_ending():
    assert chosen_formats(None, None) == ["text"]
    assert chosen_formats(None, "tables/main.tex") == ["latex"]
    assert chosen_formats("csv", "main.tex") == ["csv"]
    assert chosen_formats(["csv", "html"], None) == ["csv", "html"]
    with pytest.raises(ConfigError, match=r"format=pdf.*text, markdown"):
        chosen_formats("pdf", None)


def test_every_format_has_its_file_beside_the_others(tables, tmp_path):
    paths = write_tables(tables, list(FORMATS), str(tmp_path / "new" / "main.txt"))
    assert sorted(path.name for path in paths) == sorted(f"main{one.suffix}" for one in FORMATS.values())
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)
    (only,) = write_tables(tables, ["text"], str(tmp_path / "v1.2"))
    assert only.name == "v1.2.txt"
