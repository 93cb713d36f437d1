"""Every script is drawn with glyphs, shaped, and from right to left where it is read so."""

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from reporting.figures.made import SCRIPTS

from mlalign.reporting.drawing.labels import FONTS, drawable, families, missing
from mlalign.reporting.drawing.style import house_style

UNKNOWN = "தமிழ்"  # Tamil: no font of ours


def width(text: str) -> float:
    """Of a text as it is drawn; a missing glyph raises."""
    with house_style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = Figure(dpi=300)
        canvas = FigureCanvasAgg(figure)
        drawn = figure.text(0, 0, text, fontsize=20)
        return drawn.get_window_extent(canvas.get_renderer()).width


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_drawn_as_it_is(script):
    text = SCRIPTS[script]
    assert missing(text) == []
    assert drawable(text) == text
    assert width(text) > 0


def test_a_missing_glyph_would_have_been_noticed():
    with pytest.raises(UserWarning, match="Glyph"):
        width(UNKNOWN)


def test_what_cannot_be_drawn_is_named_by_its_script_and_logged(caplog):
    assert drawable(f"word {UNKNOWN}") == "[TAMIL]"
    assert width(drawable(UNKNOWN)) > 0
    assert "TAMIL" in caplog.text
    assert "csv" in caplog.text


def test_a_code_point_without_a_name_is_named_by_its_number():
    assert drawable("\U000e1234") == "[U+E1234]"


@pytest.mark.parametrize(("text", "letters"), [("كتاب", "ك ت ا ب"), ("क्षेत्र", "क ् ष े त ् र"), ("स्त्री", "स ् त ् र ी")])
def test_letters_join(text, letters):
    apart = sum(width(letter) for letter in letters.split())
    assert width(text) < 0.9 * apart


def test_arabic_runs_from_right_to_left():
    with house_style():
        figure = Figure(figsize=(4, 1), dpi=100)
        canvas = FigureCanvasAgg(figure)
        text = figure.text(0, 0.3, "ششش      ا", fontsize=30)  # broad letters, a gap, a narrow one
        end = int(text.get_window_extent(canvas.get_renderer()).x1)
    canvas.draw()
    ink = 255.0 - np.asarray(canvas.buffer_rgba())[:, :end, 0]
    assert ink[:, end // 2 :].sum() > 2 * ink[:, : end // 2].sum() > 0


def test_a_dollar_sign_is_no_formula():
    assert width("$x$") > width("x") * 1.5


def test_long_labels_are_cut_and_lines_joined():
    assert drawable("one\ntwo\tthree") == "one two three"
    assert drawable("a" * 100, 10) == "a" * 9 + "…"


def test_the_fonts_are_small_and_their_licence_is_with_them():
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < 1_800_000
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text()


def test_no_installed_font_is_taken_for_ours():
    assert all(family.startswith("mlalign ") for family in families()[:-1])
