"""PAWS-X: the original without quoting, XTREME's copy with it, and the flaws of both."""

import csv
import io

import pytest

from mlalign.data.readers import LabelledText, positions, task_formats
from mlalign.errors import DataError

HEADER = "id\tsentence1\tsentence2\tlabel"


@pytest.fixture
def read(tmp_path):
    def read(text, *, labels=("0", "1"), on_bad_line="error"):
        path = tmp_path / "test_2k.tsv"
        path.write_text(text, "utf-8", newline="")
        return task_formats()["pawsx"].read(
            path, positions(labels), part="test", language="de", on_bad_line=on_bad_line
        )

    return read


def original(*rows):
    return "".join(f"{row}\n" for row in (HEADER, *rows))


def xtreme(*rows):
    """As XTREME's preprocessing writes: csv.writer with a tab."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter="\t").writerows(rows)
    return file.getvalue()


def test_rows_of_the_original_release(read):
    part = read(original("4\tEins zwei\tZwei eins\t1", "70\tA\tB\t0"))
    assert part.examples == [
        LabelledText("4", ("Eins zwei", "Zwei eins"), 1),
        LabelledText("70", ("A", "B"), 0),
    ]
    assert part.dropped == {}


def test_quotes_are_ordinary_characters_in_the_original(read):
    part = read(original('1\t"offen\tund "da" hier\t1', '2\tzwei\t"\t0', '3\t"ganz"\tnichts"\t0'))
    assert [example.texts for example in part.examples] == [
        ('"offen', 'und "da" hier'),
        ("zwei", '"'),
        ('"ganz"', 'nichts"'),
    ]


def test_windows_line_ends_do_not_spoil_header_and_label(read):
    assert len(read(original("1\ta\tb\t1").replace("\n", "\r\n")).examples) == 1


def test_flaws_of_the_release_are_left_out_and_counted_even_without_skip(read):
    fine = [f"{number}\tfine\tgood\t1" for number in range(10)]
    rows = ["21\tNS\tb\t0", "22\ta\tNS\t1", "23\t \tb\t0", "24\ta\tb\t-1", "25\tNS \tx\t0", *fine]
    part = read(original(*rows))
    assert part.dropped == {"placeholder NS": 2, "empty sentence": 1, "label -1": 1}
    assert [example.id for example in part.examples] == ["25", *map(str, range(10))]


def test_labels_that_are_none_of_the_tasks_spoil_the_file(read):
    with pytest.raises(DataError, match=r"2 of 2 entries cannot.*line 2: label 0, expected no, yes"):
        read(original("1\ta\tb\t0", "2\ta\tb\t1"), labels=["no", "yes"])


def test_a_repeated_id_names_both_lines(read):
    rows = original("7\ta\tb\t0", "8\ta\tb\t1", "7\tc\td\t1")
    with pytest.raises(DataError, match="line 4: expected a new id, found 7 of line 2 again"):
        read(rows)
    assert read(rows, on_bad_line="skip").dropped == {"repeated id": 1}


@pytest.mark.parametrize("row", ["1\ta\tb", "1\ta\tb\t1\tmore", "", "1 a b 1"])
def test_wrong_columns_are_counted_in_the_message(read, row):
    found = row.count("\t") + 1
    rows = original("5\ta\tb\t1", row, "6\ta\tb\t0")
    with pytest.raises(DataError, match=rf"line 3: expected 4 tab-sep.*label\), found {found}\."):
        read(rows)
    assert read(rows, on_bad_line="skip").dropped == {"wrong number of fields": 1}


def test_xtreme_is_read_with_its_quoting(read):
    rows = [('"quoted" start', "tab\there", "1"), ('in "the" middle', '"', "0"), ("a", "NS", "1")]
    part = read(xtreme(*rows))
    assert part.examples == [
        LabelledText("1", ('"quoted" start', "tab\there"), 1),
        LabelledText("2", ('in "the" middle', '"'), 0),
    ]
    assert part.dropped == {"placeholder NS": 1}


def test_a_stray_quote_costs_one_line_of_xtremes_form(read):
    rows = xtreme(("a", "b", "1")) + '"open\tb\t0\r\n' + xtreme(("c", "d", "0"))
    with pytest.raises(DataError, match=r"line 2: expected 3 .* quotes do not match"):
        read(rows)
    part = read(rows, on_bad_line="skip")
    assert [example.id for example in part.examples] == ["1", "3"]


def test_xtremes_unlabelled_test_is_refused_with_the_place_of_a_labelled_one(read):
    with pytest.raises(DataError, match=r"XTREME removes the labels(.|\n)*x-final\.tar\.gz"):
        read(xtreme(("a", "b"), ("c", "d")), on_bad_line="skip")


def test_placeholder_labels_are_refused(read):
    rows = [(f"a {number}", f"b {number}", "0") for number in range(21)]
    assert len(read(xtreme(*rows[:20])).examples) == 20
    with pytest.raises(DataError, match=r"all 21 entries have the same label.*placeholders"):
        read(xtreme(*rows), on_bad_line="skip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADER}\n", "expected entries, found none"),
        ("1\ta\tb\t1\n", "line 1: expected the header id, sentence1, sentence2, label, or"),
        ("id\tsentence1\tlabel\tsentence2\n1\ta\t1\tb\n", "line 1: expected the header"),
        ("<!DOCTYPE html>\n", "found '<!DOCTYPE html>'"),
        ("", "found an empty file"),
    ],
)
def test_files_of_another_kind_are_refused_even_with_skip(read, text, message):
    with pytest.raises(DataError, match=message):
        read(text, on_bad_line="skip")
