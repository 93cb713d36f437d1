"""The scores of labels are those of torchmetrics, to the last bit."""

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
    assert task_metrics()["accuracy"].score(found) == expected


def test_what_needs_torch_is_found_and_nothing_else():
    import mlalign.metrics as metrics

    assert all(callable(getattr(metrics, name)) for name in metrics.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rouge'"):
        metrics.rouge  # noqa: B018
