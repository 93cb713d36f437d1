"""What a report says of figures that it cannot draw."""

from pathlib import Path
from types import SimpleNamespace

from reporting.made import runs

from mlalign.commands.report_figures import _measured, told_once
from mlalign.errors import DataError
from mlalign.reporting.report.page import Shown
from mlalign.reporting.rows import rows_of


def test_parts_of_a_figure_that_are_absent_for_one_reason_are_told_of_once():
    absent = [Shown(name, "Curves", "", reason="no curves") for name in ("curves", "curves_2", "curves_3")]
    other = Shown("curves_4", "Curves", "", reason="damaged")
    drawn = [Shown(name, "Curves", "", Path(f"{name}.png")) for name in ("curves_5", "curves_6")]
    assert told_once([*absent, other, *drawn]) == [absent[0], other, *drawn]


def test_a_caption_names_the_rows_that_are_drawn_and_those_that_cannot_be():
    def measures(run):
        if run.results.method == "mlm":
            raise DataError("no encoder")
        return {}

    rows = rows_of(runs(none=[(50.0, 40.0), (51.0, 41.0)], mlm=[(50.0, 40.0)]), "main")
    drawn = _measured(rows, SimpleNamespace(measures=measures))
    assert list(drawn.panels) == ["none"]
    assert drawn.names == "none (2 seeds); without mlm, whose encoders cannot be measured"
