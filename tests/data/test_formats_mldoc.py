"""MLDoc: bytes literals, the copyright notice, and lines that are no documents."""

import pytest

from mlalign.data.readers import LabelledText, positions, task_formats
from mlalign.errors import DataError

LABELS = ["CCAT", "ECAT", "GCAT", "MCAT"]


@pytest.fixture
def read(tmp_path):
    def read(*lines, on_bad_line="error"):
        path = tmp_path / "german.test"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="")
        return task_formats()["mldoc"].read(
            path, positions(LABELS), part="test", language="de", on_bad_line=on_bad_line
        )

    return read


def texts(part):
    return [example.texts[0] for example in part.examples]


def test_label_text_and_line_number(read):
    part = read("MCAT\tKurse fallen.", "CCAT\tFirma wächst.")
    assert part.examples == [
        LabelledText("1", ("Kurse fallen.",), 3),
        LabelledText("2", ("Firma wächst.",), 0),
    ]
    assert part.dropped == {}
    assert part.path.name == "german.test"


@pytest.mark.parametrize(
    "text",
    [
        "Plain.",
        "It's here.",
        'He said "no".',
        'It\'s "both".',
        "Größe 東京 Ёлка",
        "back\\slash and \\x41",
        "line\nbreak\tand tab",
    ],
)
def test_documents_written_by_python_3_are_decoded(read, text):
    written = f"{text.encode()}"  # as generate_documents.py formats them
    assert written.startswith(("b'", 'b"'))
    assert texts(read(f"GCAT\t{written}")) == [text]


def test_documents_written_by_python_2_are_taken_as_they_are(read):
    plain = ["Größe \\xc3", "it's b'quoted'", "'b' is a letter", '"quoted"', "a\tb"]
    assert texts(read(*(f"GCAT\t{text}" for text in plain))) == plain


@pytest.mark.parametrize("broken", ["b'cut", "b'a' or 'b'", r"b'\xc3'", "b'a', b'b'", 'b"'])
def test_a_broken_literal_is_a_bad_line(read, broken):
    with pytest.raises(DataError, match="line 2: expected text or a Python bytes literal"):
        read("CCAT\tfine", f"CCAT\t{broken}")


def test_the_copyright_notice_is_removed_as_laser_does(read):
    part = read(
        "CCAT\tProfits rose. (c) Reuters Limited 1997.",
        "CCAT\tb'Profits fell. (C) Reuters Limited 1996.'",
        "CCAT\tReuters Limited 1997. stays",
    )
    assert texts(part) == ["Profits rose.", "Profits fell.", "Reuters Limited 1997. stays"]
    with pytest.raises(DataError, match="line 1: expected text, found nothing"):
        read("CCAT\t(c) Reuters Limited 1997.")


def test_an_index_file_is_recognised(read):
    with pytest.raises(DataError, match=r"found MLDoc's index.*generate_documents\.py"):
        read("FDCH5-39373", "FDCH5-39374", on_bad_line="skip")
    part = read("CCAT\tone", "FDCH5-39374", on_bad_line="skip")
    assert part.dropped == {"wrong number of fields": 1}


def test_bad_lines_stop_or_are_counted(read):
    lines = ["CCAT\tone", "CCATone", "KCAT\ttwo", "ECAT\t \u3000", "", "GCAT\tsix"] + [
        f"MCAT\tmore {number}" for number in range(3)
    ]
    with pytest.raises(DataError) as error:
        read(*lines)
    assert "german.test, line 2: expected a label, a tab and a text, found 'CCATone'" in str(error.value)
    assert "data.on_bad_line=skip" in str(error.value)
    with pytest.raises(DataError, match=r"CCAT, ECAT, GCAT, MCAT, found 'KCAT'; did you mean '.C"):
        read(*lines[2:])
    part = read(*lines, on_bad_line="skip")
    assert [example.id for example in part.examples] == ["1", "6", "7", "8", "9"]
    assert part.dropped == {"wrong number of fields": 2, "unknown label": 1, "empty text": 1}
