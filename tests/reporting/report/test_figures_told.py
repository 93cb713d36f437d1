"""What a report says of figures that it cannot draw."""

from pathlib import Path

from mlalign.commands.report_figures import told_once
from mlalign.reporting.report.page import Shown


def test_parts_of_a_figure_that_are_absent_for_one_reason_are_told_of_once():
    absent = [Shown(name, "Curves", "", reason="no curves") for name in ("curves", "curves_2", "curves_3")]
    other = Shown("curves_4", "Curves", "", reason="damaged")
    drawn = [Shown(name, "Curves", "", Path(f"{name}.png")) for name in ("curves_5", "curves_6")]
    assert told_once([*absent, other, *drawn]) == [absent[0], other, *drawn]
