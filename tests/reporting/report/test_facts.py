"""What a page tells of how its runs were made."""

from reporting.made import other, runs

from mlalign.reporting.report.facts import facts_of
from mlalign.reporting.rows import rows_of

COLLAPSED = "all sentences have nearly the same vector"


def said(found):
    return facts_of(rows_of(found, "main")).summary


def test_healthy_runs_have_no_warnings():
    assert "Warnings of alignments" not in said(runs(none=[(50, 40)], mlm=[(60, 50)]))


def test_a_warning_is_listed_once_with_its_rows():
    found = runs(none=[(50, 40), (51, 41)], mlm=[(60, 50), (61, 51)])
    found[2:] = [other(one, warnings=[COLLAPSED]) for one in found[2:]]
    assert said(found)["Warnings of alignments"] == f"mlm (seed 1), mlm (seed 2): {COLLAPSED}"
