"""The page holds everything, below its size, and nothing in it gets out of its quotes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from reporting.report.made import NASTY, entity_cases, label_cases, label_texts, section
from reporting.report.test_cases import unpacked

from mlalign.reporting.report.page import HERE, Shown, page
from mlalign.reporting.runs import Unfinished
from mlalign.reporting.tables import Row


def made(*sections, unfinished=(), encoders=(), with_texts=True) -> str:
    return page(sections, encoders=encoders, unfinished=unfinished, with_texts=with_texts)


def payload_in(text: str) -> list:
    return unpacked(re.search(r'id="payload">([^<]*)<', text)[1])


def test_the_same_runs_give_the_same_bytes():
    first, second = (made(section(label_cases(20), label_texts(20))) for _ in range(2))
    assert first == second


def test_forty_thousand_predictions_stay_below_five_megabytes():
    """10,003 texts of 60 words in seven languages, four methods, two seeds."""
    text = made(section(label_cases(1429, rows=4), label_texts(1429, words=60)))
    assert len(text.encode()) < 5_000_000
    (column,) = payload_in(text)
    assert len(column["texts"]) == 10_003
    assert column["seeds"] == ["1", "2"]
    assert len({one[0] for one in column["texts"][1:]}) == 10_002  # none was cut to nothing


def test_nothing_in_a_text_ends_the_script():
    cases = label_cases(2)
    cases.rows[1] = nasty = NASTY.replace("\ud800", "")
    cases.answers[nasty] = cases.answers.pop("row1")
    text = made(
        section(cases, label_texts(2)),
        unfinished=[Unfinished(Path("x/<b>"), nasty)],
        encoders=[Shown("curves", nasty, nasty, reason=nasty)],
    )
    assert text.count("<script") == text.count("</script>") == 2
    assert "<b>" not in text.replace(text[text.index("<style>") : text.index("</style>")], "")
    (column,) = payload_in(text)
    assert column["texts"][0] == [NASTY.replace("\ud800", "?")]
    assert column["rows"][1] == nasty


def test_the_page_asks_for_nothing_outside_itself():
    text = made(section(*entity_cases()))
    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert "http" not in re.sub(r"http-equiv", "", text.split("<main")[1].split("<section id=")[0])


def test_without_texts_the_page_has_none_and_says_so():
    text = made(section(label_cases(3), {}), with_texts=False)
    assert "texts=false" in text
    assert set(map(json.dumps, payload_in(text)[0]["texts"])) == {"null"}


def test_what_is_not_there_is_named():
    text = made(
        section(*entity_cases()),
        unfinished=[Unfinished(Path("multirun/a/panx/b"), "TrainingError: NaN")],
        encoders=[Shown("word_pairs", "Words", "A caption", reason="no such folder")],
    )
    assert "multirun/a/panx/b" in text
    assert "TrainingError: NaN" in text
    assert "<strong>Words</strong>: not here, no such folder" in text


def test_the_head_counts_what_was_run_and_no_row_without_a_run():
    one = section(label_cases(2), {})
    mine = tuple(row for row in one.table.rows if row.name == "none")
    more = (Row("XLM-R", mine[0].cells, runs=0, copied="paper"), Row("labse", mine[0].cells, runs=0))
    assert "<p>2 runs: 1 method, 2 seeds at most.</p>" in made(
        replace(one, table=replace(one.table, rows=(*mine, *more)))
    )


@pytest.mark.parametrize("name", ["page.html", "page.css", "browser.js"])
def test_no_part_of_the_page_names_an_address(name):
    assert "//" not in (HERE / name).read_text().replace("// An answer", "")
