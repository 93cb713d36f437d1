"""Rows of one table come from one code, or the table says that they do not."""

import pytest
from reporting.made import other, run

from mlalign.errors import ConfigError
from mlalign.reporting.code import mixed_code
from mlalign.reporting.comparison import comparison
from mlalign.reporting.runs import Run
from mlalign.stages.code import code_hashes, tree_hash

FIRST = {"mlalign": "a" * 64, "conf": "b" * 64, "constraints": None}


def made(method: str, **more: object) -> Run:
    return other(run(method, folder=f"outputs/{method}"), **more)


@pytest.mark.parametrize("part", ["mlalign", "conf", "constraints"])
def test_runs_of_other_code_are_refused_by_what_differs(part):
    runs = [made("none", code=FIRST), made("mlm", code=FIRST | {part: "c" * 64})]
    with pytest.raises(ConfigError, match="different code") as caught:
        comparison(runs)
    message = str(caught.value)
    for word in (part, "c" * 12, "outputs/mlm"):
        assert word in message
    assert ("bbbb" in message) == (part == "conf")
    (table,) = comparison(runs, mixed_code=True)
    assert any(note.startswith("Mixed code") for note in table.notes)


def test_runs_of_one_code_are_compared_whatever_their_commit():
    runs = [made("none", code=FIRST, commit="1"), made("mlm", code=FIRST, commit="2")]
    (table,) = comparison(runs)
    assert not any("code" in note for note in table.notes)


def test_results_without_hashes_count_as_their_commit():
    assert not mixed_code([made("none", commit="1"), made("mlm", commit="1")])
    assert "commit 1+" in mixed_code([made("none", commit="1"), made("mlm", commit="1+")])
    assert mixed_code([made("none", commit="1"), made("mlm", commit="1", code=FIRST)])


def test_an_alignment_of_other_code_counts_too():
    other = FIRST | {"mlalign": "c" * 64}
    assert not mixed_code([made("none", code=FIRST, alignment_code=None)])
    assert mixed_code([made("mlm", code=FIRST, alignment_code=other)])


def test_what_scored_a_run_again_need_not_be_what_made_it():
    other = FIRST | {"mlalign": "c" * 64}
    again = {"code": FIRST, "evaluation_of": "outputs/x"}
    runs = [made(one, **again, evaluation_code=other) for one in ("none", "mlm")]
    assert not mixed_code(runs)
    assert "scored again" in mixed_code([runs[0], made("mlm", **again, evaluation_code=FIRST)])


def test_a_hash_is_of_names_and_contents_and_of_no_place(tmp_path):
    def write(place: str, name: str, text: str) -> str:
        folder = tmp_path / place
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        return tree_hash(folder, folder.rglob("*.py"))

    first = write("a", "x/one.py", "1")
    assert write("b", "x/one.py", "1") == first
    assert len({first, write("c", "x/one.py", "2"), write("d", "x/two.py", "1")}) == 3
    assert write("b", "notes.txt", "1") == first
    assert all(len(code_hashes()[part]) == 64 for part in ("mlalign", "conf", "constraints"))
