"""Every figure: drawn from its numbers alone, the same each time, nothing cut off or missing."""

import io
import re
import warnings
import xml.etree.ElementTree

import numpy as np
import pytest
from PIL import Image
from reporting.figures.made import FIGURES

from mlalign.reporting.drawing.style import COLOURS, colour, marker, read_numbers, save
from mlalign.reporting.figures import confusion, correlation, tsne_classes


@pytest.fixture(scope="module")
def drawn():
    """Name -> numbers and figure."""
    made = {name: make() for name, (make, _) in FIGURES.items()}
    return {name: (frame, FIGURES[name][1](frame)) for name, frame in made.items()}


@pytest.mark.parametrize("name", FIGURES)
def test_the_csv_alone_gives_the_same_bytes_again(name, drawn, tmp_path):
    frame, _ = drawn[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph, a layout that does not fit
        files = save(FIGURES[name][1], frame, tmp_path / "one", forms=["svg"])
        again = save(FIGURES[name][1], read_numbers(files[0]), tmp_path / "two", forms=["svg"])
    for one, other in zip(files, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    xml.etree.ElementTree.fromstring(files[1].read_text())
    assert b"<dc:date>" not in files[1].read_bytes()


def test_all_forms_are_written_whole_and_without_a_date(drawn, tmp_path):
    frame, _ = drawn["confusion"]
    files = save(FIGURES["confusion"][1], frame, tmp_path / "one" / "name")
    again = save(FIGURES["confusion"][1], frame, tmp_path / "two" / "name")
    assert [path.name for path in files] == ["name.csv", "name.png", "name.svg", "name.pdf"]
    assert set((tmp_path / "one").iterdir()) == set(files)
    for one, other in zip(files, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    with Image.open(files[1]) as image:
        assert 1000 < image.width < 1500
    assert b"/CreationDate" not in files[3].read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_reaches_over_the_edge(name, drawn):
    _, figure = drawn[name]
    figure.savefig(io.BytesIO(), format="png")  # lays it out
    whole, tight = figure.bbox_inches, figure.get_tightbbox()
    slack = 0.02
    assert tight.x0 > -slack
    assert tight.y0 > -slack
    assert tight.x1 < whole.width + slack
    assert tight.y1 < whole.height + slack


def test_panels_below_each_other_do_not_touch(drawn):
    _, figure = drawn["confusion of tags"]
    figure.savefig(io.BytesIO(), format="png")
    first, second, below = (axes.get_tightbbox() for axes in figure.axes[:3])
    assert first.y0 > below.y1
    assert first.x1 < second.x0


def test_kinds_are_told_apart_without_colour_and_without_form():
    looks = [(colour(place), marker(place)) for place in range(24)]
    assert len(set(looks)) == 24
    assert len({marker(place) for place in range(8)}) == 8
    assert len(set(COLOURS)) == 8


@pytest.mark.parametrize("letter", ["机", "학", "न", "ع", "ก"])
def test_a_pdf_holds_the_letters_of_every_font(letter, tmp_path):
    """OpenType outlines, which the East Asian font has, are lost in fonts of type 42."""

    def glyphs(words: list[str]) -> int:
        vectors = np.eye(3)
        frame = correlation.numbers({"one": (vectors, vectors)}, words, words)
        path = save(correlation.draw, frame, tmp_path / "figure", forms=["pdf"])[1]
        tables = re.findall(rb"/CharProcs (\d+) 0 R", path.read_bytes())
        found = [re.search(rb"\n%s 0 obj\n<<(.*?)>>" % one, path.read_bytes(), re.S) for one in tables]
        return sum(table[1].count(b" 0 R") for table in found if table)

    assert glyphs(["A", letter]) == glyphs(["A", "A"]) + 1


def test_labels_that_look_like_numbers_are_labels(tmp_path):
    """PAWS-X's are 0 and 1."""
    gold, predicted = ["0", "1", "1", "0"], ["0", "1", "0", "0"]
    frame = confusion.numbers({"7": (gold, predicted)}, ["0", "1"], "de")
    csv, _ = save(confusion.draw, frame, tmp_path / "figure", forms=["svg"])
    assert read_numbers(csv)["gold"].tolist() == ["0", "0", "1", "1"]
    vectors = np.random.default_rng(0).normal(size=(8, 4))
    frame = tsne_classes.numbers({"7": (vectors, gold * 2)}, "de", seed=1)
    save(tsne_classes.draw, frame, tmp_path / "classes", forms=["svg"])
    figure = tsne_classes.draw(read_numbers(tmp_path / "classes.csv"))
    assert sum(len(one.get_offsets()) for one in figure.axes[0].collections) == 8


def test_words_that_look_like_gaps_are_words(tmp_path):
    frame = correlation.numbers({"one": (np.eye(3), np.eye(3))}, ["NA", "null"], ["nan", "1.0"])
    csv, _ = save(correlation.draw, frame, tmp_path / "figure", forms=["svg"])
    assert read_numbers(csv)["source"].tolist()[3:6] == ["NA"] * 3
    assert set(read_numbers(csv)["target"]) == {"TARGET", "nan", "1.0"}
