"""The plotted numbers against counts and formulas by hand."""

import numpy as np
import pandas as pd
import pytest
from reporting.figures.made import LABELS
from reporting.made import other, run, runs

from mlalign.errors import DataError
from mlalign.reporting.drawing.embedding import plane
from mlalign.reporting.figures import confusion, correlation, differences, similarity_transfer, tsne_classes
from mlalign.reporting.significance import paired_t_test


def test_shares_are_of_the_gold_class_and_a_class_without_examples_has_none():
    gold = ["Markets", "Markets", "Markets", "Corporate", "Economics"]
    predicted = ["Markets", "Corporate", "Markets", "Corporate", "Markets"]
    frame = confusion.numbers({"run": (gold, predicted)}, LABELS, "de")
    share = frame.set_index(["gold", "predicted"])["share"]
    assert share["Markets", "Markets"] == pytest.approx(200 / 3)
    assert share["Markets", "Corporate"] == pytest.approx(100 / 3)
    assert share["Economics", "Markets"] == 100
    assert share["Government"].isna().all()
    assert frame["count"].sum() == 5


def test_cosines_are_of_sentence_and_words():
    source, target = np.array([[1.0, 0], [0, 2]]), np.array([[3.0, 3], [0, -1], [1, 0]])
    frame = correlation.numbers({"encoder": (source, target)}, ["cat"], ["die", "Katze"])
    found = frame.pivot(index="row", columns="column", values="cosine").to_numpy()
    half = 0.5**0.5
    assert found == pytest.approx(np.array([[half, 0, 1], [half, -1, 0]]))
    assert frame.loc[(frame["row"] == 1) & (frame["column"] == 2), "target"].item() == "Katze"


def test_a_vector_too_few_is_told_of():
    with pytest.raises(ValueError, match="expected 2 and 3 vectors"):
        correlation.numbers({"encoder": (np.eye(2), np.eye(2))}, ["a"], ["b", "c"])


def test_the_correlation_and_its_interval_are_fishers():
    x, y = pd.Series([1.0, 2, 3, 4, 6]), pd.Series([2.0, 1, 4, 3, 7])
    found = similarity_transfer.correlation(x, y)
    r = np.corrcoef(x, y)[0, 1]
    reach = 1.959964 / np.sqrt(5 - 3)
    low, high = np.tanh(np.arctanh(r) - reach), np.tanh(np.arctanh(r) + reach)
    assert found is not None
    assert tuple(found) == pytest.approx((r, low, high, 5), rel=1e-5)


@pytest.mark.parametrize(("x", "y"), [([1, 2, 3], [1, 2, 4]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_too_few_or_constant_points_have_no_correlation(x, y):
    assert similarity_transfer.correlation(pd.Series(x), pd.Series(y)) is None


def test_separate_classes_have_silhouette_near_one_and_stay_apart_in_the_plane():
    centres = np.eye(4)[[0, 1] * 20]
    vectors = centres + 0.01 * np.random.default_rng(0).normal(size=centres.shape)
    frame = tsne_classes.numbers({"run": (vectors, ["a", "b"] * 20)}, "de", seed=1)
    assert frame["silhouette"].iloc[0] > 0.95
    middles = frame.groupby("label")[["x", "y"]].mean().to_numpy()
    spread = frame.groupby("label")[["x", "y"]].std().to_numpy().max()
    assert np.linalg.norm(middles[0] - middles[1]) > 3 * spread


def test_the_plane_does_not_depend_on_norms_and_is_fixed_by_its_seed():
    vectors = np.random.default_rng(0).normal(size=(12, 5))
    norms = 2.0 ** np.arange(12)[:, None]
    pd.testing.assert_frame_equal(plane(vectors, seed=3), plane(vectors * norms, seed=3))
    pd.testing.assert_frame_equal(plane(vectors, seed=3), plane(vectors, seed=3))


@pytest.mark.parametrize("vectors", [np.eye(3), np.full((5, 2), np.nan)])
def test_what_has_no_plane_is_refused(vectors):
    with pytest.raises(ValueError, match="at least 4 finite"):
        plane(vectors, seed=1)


def test_differences_are_those_of_the_tables_beside_the_run_that_is_named_first():
    found = runs(mlm=[(50.0, 40.0), (52.0, 41.0)], none=[(40.0, 30.0), (41.0, 33.0)], labse=[(45.0, 45.0)])
    panels = {name: [one for one in found if one.results.name == name] for name in ("mlm", "none", "labse")}
    frame = differences.collect(panels, None).set_index("run")
    assert list(frame.index) == ["none", "labse"]
    assert set(frame["baseline"]) == {"mlm"}
    test = paired_t_test({1: 35.0, 2: 37.0}, {1: 45.0, 2: 46.5})
    assert tuple(frame.loc["none", ["pairs", "difference", "low", "high"]]) == pytest.approx(
        (2, test.difference, *test.interval)
    )
    assert frame.loc["labse", "difference"] == 0.0
    assert frame.loc["labse", ["low", "high", "items_low"]].isna().all()


def test_differences_between_runs_of_different_code_are_warned_of(caplog):
    found = [other(run(name, 1), commit=name) for name in ("none", "mlm")]
    differences.collect({one.results.name: [one] for one in found}, None)
    assert "runs were made by different code" in caplog.text


def test_no_seed_in_common_is_told_of():
    with pytest.raises(DataError, match="no other row has a seed of none"):
        differences.collect({"none": [run("none", 1)], "mlm": [run("mlm", 2)]}, None)
