"""Names of panels, and predictions on disk that are not as they should be."""

import pytest
from reporting.made import other, run

from mlalign.errors import DataError
from mlalign.reporting.recorded import own_panels, predictions_of


def a_run(folder, method="multilevel", seed=1, metric="accuracy"):
    return other(run(method, seed, folder=folder), metric=metric)


def test_panels_are_named_by_as_much_as_tells_them_apart(tmp_path):
    one, two = a_run(tmp_path / "one"), a_run(tmp_path / "two", "none")
    assert own_panels([one, two]) == {"multilevel": [one], "none": [two]}
    other = a_run(tmp_path / "other", seed=2)
    assert list(own_panels([one, other, two])) == ["multilevel, seed 1", "multilevel, seed 2", "none"]
    same = a_run(tmp_path / "same")
    assert list(own_panels([one, same])) == ["multilevel, seed 1, one", "multilevel, seed 1, same"]


def test_tags_of_a_sentence_are_counted_one_by_one(tmp_path):
    (tmp_path / "predictions").mkdir()
    line = '{"id": "1", "gold": ["O", "B-PER"], "predicted": ["O", "O"]}\n'
    (tmp_path / "predictions" / "de.jsonl").write_text(line)
    assert predictions_of(a_run(tmp_path, metric="entity_f1"), "de") == (["O", "B-PER"], ["O", "O"])


def test_missing_and_damaged_predictions_are_named(tmp_path):
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "de.jsonl").write_text('{"id": "1", "gold": "MCAT"}\n')
    with pytest.raises(DataError, match=r"de\.jsonl, line 1: expected an object"):
        predictions_of(a_run(tmp_path), "de")
    with pytest.raises(DataError, match=r"zh\.jsonl: no such file; predictions there: de"):
        predictions_of(a_run(tmp_path), "zh")
