"""The cases are what the predictions say, whatever the page makes of them."""

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from reporting.made import results, written

from mlalign.reporting.report.cases import NOTHING, Texts, cases_of
from mlalign.reporting.report.payload import cut_text, direction, payload_of
from mlalign.reporting.rows import rows_of
from mlalign.reporting.runs import Run


def said(run: Run, language: str, rows: list[tuple]) -> Run:
    lines = [json.dumps({"id": i, "gold": g, "predicted": p}) for i, g, p in rows]
    path = run.folder / "predictions" / f"{language}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    found = []
    for method, guesses in (("none", "ABB"), ("multilevel", "AAC")):
        for seed in (1, 2):
            run = written(tmp_path / f"{method}{seed}", results(method, seed))
            said(run, "de", list(zip("123", "AAB", guesses, strict=True)))
            found.append(said(run, "ru", [("x", "C", guesses[seed])]))
    return found


def unpacked(data: str) -> list:
    return json.loads(gzip.decompress(base64.b64decode(data)))


def answers_of(column: dict) -> dict[tuple[str, str], list]:
    """Row and seed -> outcomes, from the columns of the page."""
    return {
        (row, seed): [
            column["outcomes"][gold if one == 0 else one - 1]
            for one, gold in zip(column["answers"][r][s], column["gold"], strict=True)
        ]
        for r, row in enumerate(column["rows"])
        for s, seed in enumerate(column["seeds"])
    }


def test_columns_hold_every_prediction(runs):
    cases = cases_of("mldoc", rows_of(runs, "main"), ["de", "ru"], ["A", "B", "C"])
    (column,) = unpacked(payload_of([cases], {}, 10**6).data)
    assert column["ids"] == ["1", "2", "3", "x"]
    assert [column["outcomes"][one] for one in column["gold"]] == list("AABC")
    assert answers_of(column) == {
        ("none", "1"): list("ABBB"),
        ("none", "2"): list("ABBB"),
        ("multilevel", "1"): list("AACA"),
        ("multilevel", "2"): list("AACC"),
    }
    assert cases.right("multilevel", "2") == [True, True, False, True]


def test_entities_are_right_where_the_metric_finds_the_same_spans(tmp_path):
    run = written(tmp_path / "run", replace(results(), metric="entity_f1"))
    gold = ["B-PER", "I-PER", "O"]
    said(run, "de", [("1", gold, ["I-PER", "I-PER", "O"]), ("2", gold, ["B-PER", "O", "O"])])
    cases = cases_of("panx", rows_of([run], "main"), ["de"], ["O", "B-PER", "I-PER"])
    assert cases.metric.form == "spans"
    assert cases.right("none", "1") == [True, False]
    assert set(cases.outcomes) == {(("PER", 0, 1),), (("PER", 0, 0),)}


def test_a_run_without_predictions_says_nothing_and_is_named(runs):
    (runs[0].folder / "predictions" / "ru.jsonl").unlink()
    said(runs[1], "ru", [("other", "C", "C")])
    cases = cases_of("mldoc", rows_of(runs, "main"), ["de", "ru"], ["A", "B", "C"])
    assert cases.answers["none"]["1"][-1] == cases.answers["none"]["2"][-1] == NOTHING
    told = "".join(cases.left_out)
    assert [str(run.folder) in told for run in runs] == [True, True, False, False]


def test_what_does_not_fit_is_cut_and_told(runs):
    cases = cases_of("mldoc", rows_of(runs, "main"), ["de", "ru"], ["A", "B", "C"])
    noise = "".join(chr(0x4E00 + (n * n * 7919) % 20000) for n in range(5000))
    texts = {"mldoc": {"de": Texts([[noise[n:]] for n in range(3)]), "ru": Texts([["kurz"]])}}
    whole = payload_of([cases], texts, 10**6)
    small = payload_of([cases], texts, 3000)
    assert whole.length > small.length > 0
    assert len(small.data) <= 3000
    assert small.cut == 3
    assert unpacked(small.data)[0]["texts"][0][0].startswith(noise[: small.length - 1])
    nothing = payload_of([cases], texts, 10)
    assert (nothing.length, nothing.seeds) == (0, 1)
    assert unpacked(nothing.data)[0]["texts"] == [None] * 4


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["short"], ["short"]),
        (["a text that is long"], ["a text th…"]),
        (["abcdefgh", "ijklmnop"], ["abcd…", "ijkl…"]),
        (["ab", "ijklmnopq"], ["ab", "ijklmno…"]),
        (["w1", "w2", "w3", "w4", "w5", "w6"], ["w1", "w2", "w3", "w4", "w5"]),
    ],
)
def test_texts_are_cut_to_a_length(parts, expected):
    assert cut_text(parts, 10) == expected


def test_the_languages_of_right_to_left_scripts_are_known():
    assert [direction(one) for one in ("ar", "ur", "he", "fa", "ar_padt")] == ["rtl"] * 5
    assert [direction(one) for one in ("en", "hi", "zh-TW")] == ["ltr"] * 3


def test_seeds_of_stages_in_another_order_are_other_runs(tmp_path):
    pairs = [(align, finetune) for align in (1, 2) for finetune in (1, 2)]
    found = [
        written(
            tmp_path / f"{align}{finetune}", results(align={"seed": align}, finetune={"seed": finetune}), {"en": [True]}
        )
        for align, finetune in pairs
    ]
    cases = cases_of("mldoc", rows_of(found, "main"), ["en"], ["A", "B"])
    assert cases.seeds == ["1", "1/1/2", "1/2/1", "1/2/2"]
    assert all(cases.right("none", seed) == [True] for seed in cases.seeds)
