"""PAN-X: Rahimi's prefixed words, plain columns, odd words and missing tags."""

import gzip

import pytest

from mlalign.data.readers import TaggedSentence, positions, task_formats
from mlalign.errors import ConfigError, DataError

TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]


@pytest.fixture
def read(tmp_path):
    def read(text, *, language="de", labels=TAGS, on_bad_line="error"):
        path = tmp_path / "test"
        path.write_text(text, "utf-8", newline="")
        return task_formats()["entities"].read(
            path, positions(labels), part="test", language=language, on_bad_line=on_bad_line
        )

    return read


def words(part):
    return [example.words for example in part.examples]


PLAIN = "Angela\tB-PER\nMerkel\tI-PER\n\nin\tO\nBonn\tB-LOC\n\n"


@pytest.mark.parametrize("prefix", ["", "de:"])
def test_plain_and_prefixed_words_read_the_same(read, prefix):
    part = read("".join(f"{prefix}{line}\n" if line else "\n" for line in PLAIN.split("\n")[:-1]))
    assert part.examples == [
        TaggedSentence("1", ("Angela", "Merkel"), (1, 2)),
        TaggedSentence("2", ("in", "Bonn"), (0, 5)),
    ]
    assert part.dropped == {}


def test_compressed_files_are_read(tmp_path):
    path = tmp_path / "test.tsv.gz"
    path.write_bytes(gzip.compress(PLAIN.encode()))
    part = task_formats()["entities"].read(path, positions(TAGS), part="test", language="de", on_bad_line="error")
    assert len(part.examples) == 2


def test_only_the_first_colon_ends_the_prefix(read):
    part = read("de::\tO\nde:a:b\tO\nde:http://x\tO\nde:de:\tB-ORG\nde:\tI-ORG\nde: \tO\n")
    assert words(part) == [(":", "a:b", "http://x", "de:", "", " ")]


def test_a_language_code_can_be_long(read):
    assert words(read("zh-yue:港\tB-LOC\n", language="zh-yue")) == [("港",)]


def test_plain_words_that_look_like_a_prefix_stay(read):
    assert words(read("de:\tO\nfacto\tO\n")) == [("de:", "facto")]
    assert words(read("http://a\tO\n\nhttp:\tO\n")) == [("http://a",), ("http:",)]


def test_a_word_without_the_prefix_of_its_file_is_a_fault(read):
    text = "de:a\tO\n\nb\tO\nde:c\tO\n\nde:d\tO\n"
    with pytest.raises(DataError, match="line 3: expected a word that begins with de:, found 'b'"):
        read(text)
    part = read(text, on_bad_line="skip")
    assert [(example.id, example.words) for example in part.examples] == [
        ("1", ("a",)),
        ("3", ("d",)),
    ]
    assert part.dropped == {"no prefix": 1}


def test_another_languages_prefix_is_refused(read):
    with pytest.raises(DataError, match=r"expected words in de.* found the prefix als:"):
        read("als:a\tO\nals:b\tO\n", on_bad_line="skip")


@pytest.mark.parametrize(
    "text",
    [
        "\n\na\tO\n\n\n \nb\tO",
        "a\tO\r\n\r\nb\tO\r\n",
        "\ufeffa\tO\n\nb\tO\n\n\n\n",
    ],
)
def test_blank_lines_only_separate(read, text):
    part = read(text)
    assert words(part) == [("a",), ("b",)]
    assert [example.id for example in part.examples] == ["1", "2"]


def test_odd_words_keep_their_place(read):
    part = read('"\tO\n\tB-PER\n\u3000\tO\n\u200b\tO\na b\tO\nx\u2028y\tO\n#\tO\n')
    assert words(part) == [('"', "", "\u3000", "\u200b", "a b", "x\u2028y", "#")]


def test_invalid_iob_is_read_as_it_is(read):
    part = read("a\tI-PER\nb\tO\nc\tI-LOC\nd\tI-ORG\ne\tB-ORG\n")
    assert part.examples[0].tags == (2, 0, 6, 4, 3)


def test_other_lists_of_tags(read):
    part = read("a\tB-MISC\n", labels=[*TAGS, "B-MISC", "I-MISC"])
    assert part.examples[0].tags == (7,)


def test_an_unknown_tag_names_the_nearest_and_costs_its_sentence(read):
    text = "a\tO\n\nb\tO\nc\tB-PRE\nd\tB-XXX\n\ne\tB-LOC\n"
    with pytest.raises(DataError, match=r"line 4: expected the tag O, B-PER.*did you mean 'B-PER'"):
        read(text)
    part = read(text, on_bad_line="skip")
    assert words(part) == [("a",), ("e",)]
    assert part.dropped == {"unknown tag": 1}


@pytest.mark.parametrize(("line", "found"), [("b", 1), ("b\tO\tO", 3), ("b O", 1)])
def test_wrong_columns(read, line, found):
    text = f"a\tO\n\n{line}\n\nc\tB-LOC\n"
    with pytest.raises(DataError, match=rf"line 3: expected 2 tab-sep.*\(word, tag\), found {found}"):
        read(text)
    assert read(text, on_bad_line="skip").dropped == {"wrong number of fields": 1}


def test_a_line_of_a_tab_is_a_fault_and_no_blank_line(read):
    with pytest.raises(DataError, match=r"line 2: expected the tag .*, found ''"):
        read("a\tO\n\t\nb\tO\n")


def test_a_test_file_without_tags_is_refused_with_the_place_of_a_tagged_one(read):
    with pytest.raises(DataError, match=r"XTREME removes the tags(.|\n)*panx_dataset"):
        read("Angela\nMerkel\n\nin\nBonn\n", on_bad_line="skip")


def test_files_without_sentences_or_with_mostly_bad_ones_are_refused(read):
    with pytest.raises(DataError, match="expected entries, found none"):
        read("\n\n\n")
    with pytest.raises(DataError, match="2 of 3 entries cannot be used"):
        read("a\tO\n\nb\tX\n\nc\tX\n", on_bad_line="skip")


def test_placeholder_tags_are_refused(read):
    with pytest.raises(DataError, match="all 21 entries have the same label"):
        read("a\tO\nb\tO\n\n" * 21)
    assert len(read("a\tO\n\n" * 20).examples) == 20


UNER = """# sent_id = dev-2
# text = Kelds oplæg im Bonn.
1\tKelds\tB-PER\tB-PER#O\ts
2\toplæg\tO\tO#O\ts
3-4\tim\tO\tO#O\ts
3\ti\tO\tO#O\ts
4\tBonn\tB-LOC\tB-LOC#O\ts

# sent_id = dev-3
1\t#\tO\tO#O\ts
2\tgodt\tO\t-\ts
"""


def test_universal_ner_has_an_index_and_comments(read):
    part = read(UNER)
    assert words(part) == [("Kelds", "oplæg", "i", "Bonn"), ("#", "godt")]
    assert part.examples[0].tags == (1, 0, 0, 5)
    with pytest.raises(DataError, match=r"line 7: expected 3 tab-separated fields \(index, word"):
        read(UNER.replace("\tB-LOC\tB-LOC#O\ts", ""))


MASAKHANER = "Mohamed B-PER\n, O\nKinshasa B-LOC\n. O\n\nJumapili O\n"


def test_masakhaner_has_spaces(read):
    part = read(MASAKHANER, language="swa")
    assert words(part) == [("Mohamed", ",", "Kinshasa", "."), ("Jumapili",)]
    assert part.examples[0].tags == (1, 0, 5, 0)
    with pytest.raises(DataError, match=r"line 2: expected 2 space-separated .*found 1"):
        read(MASAKHANER.replace(", O", " O"), language="swa")
    part = read(MASAKHANER.replace(". O", "a b O"), language="swa", on_bad_line="skip")
    assert part.dropped == {"wrong number of fields": 1}


def test_conll_2003_has_four_columns_and_marks_of_documents(read):
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n"
    part = read(text, language="en")
    assert words(part) == [("EU", "rejects"), ("Peter",)]
    assert [example.tags for example in part.examples] == [(3, 0), (1,)]
    assert part.dropped == {}


def test_words_with_spaces_and_no_tags_are_still_words_without_tags(read):
    with pytest.raises(DataError, match="words without tags"):
        read("New York\nist\n\n")


def test_tags_of_the_release_can_stand_for_others(tmp_path):
    path = tmp_path / "test"
    path.write_text("Jumapili B-DATE\nusiku I-DATE\nVOA B-ORG\n")
    names = positions(TAGS, {"B-DATE": "O", "I-DATE": "O"})
    read = task_formats()["entities"].read
    part = read(path, names, part="test", language="swa", on_bad_line="error")
    assert part.examples[0].tags == (0, 0, 3)
    with pytest.raises(ConfigError, match=r"task.label_names: B-DATE stands for X, which is none"):
        positions(TAGS, {"B-DATE": "X"})
