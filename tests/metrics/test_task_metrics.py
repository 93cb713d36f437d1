"""The scores of labels are exact in float64, and those of torchmetrics in float32."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassAccuracy

from mlalign.metrics.tasks import Prediction, task_metrics


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_accuracy_is_that_of_torchmetrics(pairs):
    found = [Prediction("", str(gold), str(predicted)) for gold, predicted in pairs]
    gold, predicted = map(torch.tensor, zip(*pairs, strict=True))
    expected = 100 * float(MulticlassAccuracy(num_classes=4, average="micro")(predicted, gold))
    score = task_metrics()["accuracy"].score(found)
    assert score == pytest.approx(expected, abs=1e-4)
    assert score == float(Fraction(100 * sum(one.gold == one.predicted for one in found), len(found)))


def test_what_needs_torch_is_found_and_nothing_else():
    import mlalign.metrics as metrics

    assert all(callable(getattr(metrics, name)) for name in metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rouge'"):
        metrics.rouge  # noqa: B018
