"""Tables: pandas' quoting as in SIB-200, files of several languages or parts, JSON lines."""

import re

import pandas
import pytest

from mlalign.data.readers import CODES, Columns, LabelledText, Table, positions
from mlalign.errors import DataError

LABELS = ["geography", "health", "science/technology"]
HEADER = "index_id\tcategory\ttext"
SIB200 = Table([Columns(["text"], "category", id="index_id")], is_quoted=True)


@pytest.fixture
def read(tmp_path):
    def read(*lines, on_bad_line="error"):
        path = tmp_path / "test.tsv"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="")
        return SIB200.format({}, {}).read(path, positions(LABELS), part="test", language="de", on_bad_line=on_bad_line)

    return read


def test_reads_back_what_pandas_writes(tmp_path):
    texts = ['"All" is quoted', 'the "end"', "tab\there", "it's", '""', "NA", "5"]
    frame = pandas.DataFrame({"index_id": range(7, 14), "category": ["health"] * 6 + ["geography"], "text": texts})
    frame.to_csv(tmp_path / "test.tsv", sep="\t", index=False)
    part = SIB200.format({}, {}).read(
        tmp_path / "test.tsv", positions(LABELS), part="test", language="de", on_bad_line="error"
    )
    assert [example.texts[0] for example in part.examples] == texts
    assert part.examples[0] == LabelledText("7", ('"All" is quoted',), 1)


def test_a_quoted_text_may_be_as_long_as_a_line(read):
    text = "x" * 131072 + '"'
    (example,) = read(HEADER, '1\thealth\t"' + text.replace('"', '""') + '"').examples
    assert example.texts == (text,)


def test_an_unclosed_quote_costs_one_line(read):
    lines = [HEADER, "1\thealth\tone", '2\thealth\t"two', "3\tgeography\tthree"]
    with pytest.raises(DataError, match=r"line 3: expected 3 tab-separated .*quotes do not match"):
        read(*lines)
    part = read(*lines, on_bad_line="skip")
    assert [example.id for example in part.examples] == ["1", "3"]
    assert part.dropped == {"wrong number of fields": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\thealth\tagain", "line 3: expected a new id, found 1 of line 2 again"),
        ("2\tsience/technology\tx", "found 'sience/technology'; did you mean 'science/technology'"),
        ("2\thealth\t ", "line 3: expected text, found nothing"),
        ("2\thealth", "line 3: expected 3 tab-separated fields .*, found 2"),
        ("2\thealth\ta\tb", "line 3: expected 3 tab-separated fields .*, found 4"),
        ("", "line 3: expected 3 .*, found none: the line is empty"),
    ],
)
def test_bad_lines_stop_or_are_counted(read, line, message):
    lines = [HEADER, "1\thealth\tone", line]
    with pytest.raises(DataError, match=message):
        read(*lines)
    assert sum(read(*lines, on_bad_line="skip").dropped.values()) == 1


def test_a_file_that_is_mostly_bad_is_refused_even_with_skip(read):
    lines = [HEADER, "1\thealth\tone", "2\tx\ttwo", "3\ty\tthree"]
    with pytest.raises(DataError, match=r"2 of 3 entries cannot be used. The first: line 3: exp"):
        read(*lines, on_bad_line="skip")


def test_header_only_no_header_and_single_label(read):
    with pytest.raises(DataError, match="expected entries, found none"):
        read(HEADER)
    with pytest.raises(DataError, match="line 1: expected the header index_id, text, category"):
        read("1\thealth\tone", on_bad_line="skip")
    with pytest.raises(DataError, match="all 30 entries have the same label"):
        read(HEADER, *(f"{number}\thealth\tx" for number in range(30)))


def test_codes_are_one_to_one_and_well_formed():
    forms = {
        "flores": "[a-z]{3}_[A-Z][a-z]{3}",
        "iso639_3": "[a-z]{3}",
        "locale": "[a-z]{2}-[A-Z]{2}",
    }
    for name, form in forms.items():
        codes = CODES[name]
        assert len(set(codes.values())) == len(codes) > 50
        for code, iso in codes.items():
            assert re.fullmatch(form, code)
            assert re.fullmatch("[a-z]{2}", iso)
    assert len(CODES["flores"]) == 135
    assert CODES["flores"]["zho_Hans"] == CODES["iso639_3"]["cmn"] == CODES["locale"]["zh-CN"] == "zh"
    members = "als_Latn arb_Arab azj_Latn fuv_Latn gaz_Latn khk_Cyrl kmr_Latn nob_Latn tgl_Latn twi_Latn ydd_Hebr"
    assert " ".join(CODES["flores"][one] for one in members.split()) == "sq ar az ff om mn ku nb tl tw yi"
    assert "zho_Hant" not in CODES["flores"]


XNLI = Table(
    [
        Columns(["sentence1", "sentence2"], "gold_label", id="pairID", language="language"),
        Columns(["premise", "hypo"], "label"),
    ]
)
NAMES = positions(["entailment", "neutral", "contradiction"], {"contradictory": "contradiction"})
OF_XNLI = [
    "language",
    "gold_label",
    "sentence1_binary_parse",
    "sentence2_binary_parse",
    "sentence1_parse",
    "sentence2_parse",
    "sentence1",
    "sentence2",
    "promptID",
    "pairID",
    "genre",
    "label1",
    "label2",
    "label3",
    "label4",
    "label5",
    "sentence1_tokenized",
    "sentence2_tokenized",
    "match",
]


def xnli_line(language, label, premise, hypothesis, pair):
    row = dict.fromkeys(OF_XNLI, "")
    row |= {"language": language, "gold_label": label, "pairID": pair, "match": "True"}
    row |= {"sentence1": premise, "sentence2": hypothesis}
    return "\t".join(row.values())


def test_xnli_holds_all_languages_in_one_file(tmp_path):
    path = tmp_path / "XNLI-1.0" / "xnli.test.tsv"
    path.parent.mkdir()
    lines = [
        "\t".join(OF_XNLI),
        xnli_line("ar", "neutral", 'ال"قطة', "ب", "1"),
        xnli_line("de", "contradiction", 'Er sagte "ja', "Er sagte nein", "1"),
        xnli_line("de", "entailment", "A", "B", "2"),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    form = XNLI.format({"test": ["{}/test.tsv", "XNLI-1.0/xnli.test.tsv"]}, {})
    assert form.languages(tmp_path) == ["ar", "de"]
    assert form.path(tmp_path, "de", "test") == path
    part = form.read(path, NAMES, language="de", part="test", on_bad_line="error")
    assert part.examples == [
        LabelledText("1", ('Er sagte "ja', "Er sagte nein"), 2),
        LabelledText("2", ("A", "B"), 0),
    ]
    with pytest.raises(DataError, match="expected entries, found none"):
        form.read(path, NAMES, language="fr", part="test", on_bad_line="error")


def test_xnlis_training_file_has_other_columns_and_another_word(tmp_path):
    path = tmp_path / "multinli.train.en.tsv"
    path.write_text("premise\thypo\tlabel\nA\tB\tcontradictory\nC\tD\tneutral\n")
    part = XNLI.format({}, {}).read(path, NAMES, language="en", part="train", on_bad_line="error")
    assert [example.label for example in part.examples] == [2, 1]
    path.write_text("premise\thypothesis\tlabel\nA\tB\tneutral\n")
    with pytest.raises(DataError, match=r"expected the header pairID, .*, or premise, hypo, label"):
        XNLI.format({}, {}).read(path, NAMES, language="en", part="train", on_bad_line="error")


MASSIVE = Table([Columns(["utt"], "intent", id="id", part="partition")])


@pytest.mark.parametrize("name", ["de-DE.jsonl", "DE-DE.JSONL"])
def test_json_lines_of_several_parts(tmp_path, name):
    path = tmp_path / name
    row = '{"id": "%s", "partition": "%s", "intent": "health", "utt": "%s", "annot_utt": "x"}\n'
    lines = [row % (1, "train", "eins"), row % (2, "test", 'zw\\"ei'), row % (3, "dev", "drei")]
    path.write_text("".join(lines))
    read = {"labels": positions(LABELS), "language": "de-DE"}
    part = MASSIVE.format({}, {}).read(path, **read, part="test", on_bad_line="error")
    assert part.examples == [LabelledText("2", ('zw"ei',), 1)]
    path.write_text("".join([*lines, "{broken\n", row % (4, "test", "vier")]))
    with pytest.raises(DataError, match="line 4: expected a JSON object"):
        MASSIVE.format({}, {}).read(path, **read, part="test", on_bad_line="error")
    part = MASSIVE.format({}, {}).read(path, **read, part="test", on_bad_line="skip")
    assert [example.id for example in part.examples] == ["2", "4"]
    assert part.dropped == {"broken JSON": 1}
    path.write_text("".join([*lines, '{"id": 7, "partition": "test", "intent": "health"}\n']))
    with pytest.raises(DataError, match=r"line 4: expected text under id, utt, intent, partition"):
        MASSIVE.format({}, {}).read(path, **read, part="test", on_bad_line="error")


def test_files_without_a_header_line(tmp_path):
    path = tmp_path / "test.tsv"
    path.write_text("A\tB\thealth\nC\tD\tgeography\n")
    table = Table([Columns(["one", "two"], "label")], header=["one", "two", "label"])
    part = table.format({}, {}).read(path, positions(LABELS), language="de", part="test", on_bad_line="error")
    assert [example.texts for example in part.examples] == [("A", "B"), ("C", "D")]
    assert part.examples[0].id == "1"
