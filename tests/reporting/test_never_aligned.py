"""A language that was never aligned on is marked wherever its score stands."""

import pytest
from reporting.made import other, run

from mlalign.data.languages import others
from mlalign.reporting.comparison import comparison
from mlalign.reporting.formats import FORMATS
from mlalign.reporting.runs import Run
from mlalign.reporting.tables import score_table

MARKS = {
    "text": ("40.0§", "50.0§"),
    "markdown": ("40.0§", "50.0§"),
    "html": ("40.0<sup>§</sup>", "50.0<sup>§</sup>"),
    "latex": (r"40.0$^{\S}$", r"50.0$^{\S}$"),
}


def runs() -> list[Run]:
    return [
        run("none", folder="outputs/none"),
        other(run("mlm", folder="outputs/mlm"), never_aligned=["ru"]),
    ]


@pytest.mark.parametrize("form", MARKS)
def test_every_table_marks_it_and_says_of_which_row(form):
    written = FORMATS[form].write(comparison(runs()))
    marked, not_marked = MARKS[form]
    assert written.count(marked) == 1
    assert not_marked not in written
    assert "never aligned" in written
    assert "mlm (ru)" in written


def test_the_numbers_tell_it_in_a_column():
    lines = [line.split(",") for line in FORMATS["csv"].write(comparison(runs())).splitlines()]
    place = lines[0].index("never_aligned")
    found = {(line[3], line[5]) for line in lines[1:] if line[place] == "true"}
    assert found == {("mlm", "ru")}


def test_a_runs_own_table_marks_it():
    lines = score_table(runs()[1].results).splitlines()
    assert any(line.startswith("ru §") for line in lines)
    assert any(line.startswith("de  ") for line in lines)
    assert "never aligned" in lines[-1]
    assert "§" not in score_table(runs()[0].results)


@pytest.mark.parametrize(
    ("tested", "aligned", "found"),
    [
        (["en", "de", "zh-TW", "zh_pud"], ["de", "zh"], []),
        (["eng_Latn", "deu_Latn", "zho_Hant", "en-US"], ["de", "zh_cn"], []),
        (["de", "ja"], ["deu_Latn"], ["ja"]),
        (["arb_Arab", "nso_Latn"], ["ar"], ["nso_Latn"]),
        (["de"], [], ["de"]),
    ],
)
def test_codes_are_compared_in_one_form(tested, aligned, found):
    assert others(tested, aligned) == found
