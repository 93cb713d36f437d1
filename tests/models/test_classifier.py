"""A head with hidden layers against scikit-learn's."""

import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.neural_network import MLPClassifier

from mlalign.models.classifier import perceptron


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_it_is_scikit_learns_with_the_same_weights(activation):
    rows, labels = make_blobs(60, 5, centers=3, random_state=0)
    theirs = MLPClassifier((10, 8), activation=activation, max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(rows, labels)
    ours = perceptron(5, 3, hidden=(10, 8), activation=activation, dropout=0.2).double().eval()
    layers = [one for one in ours if isinstance(one, torch.nn.Linear)]
    for layer, matrix, bias in zip(layers, theirs.coefs_, theirs.intercepts_, strict=True):
        layer.weight.data, layer.bias.data = torch.from_numpy(matrix.T), torch.from_numpy(bias)
    found = ours(torch.from_numpy(rows)).softmax(-1)
    torch.testing.assert_close(found, torch.from_numpy(theirs.predict_proba(rows)))


def test_it_learns_blobs_as_well_as_scikit_learn():
    rows, labels = make_blobs(120, 5, centers=4, random_state=1)
    theirs = MLPClassifier((10, 8), activation="tanh", max_iter=400, learning_rate_init=0.01, random_state=0)
    torch.manual_seed(0)
    ours = perceptron(5, 4, hidden=(10, 8))
    optimizer = torch.optim.Adam(ours.parameters(), 0.01)
    inputs, gold = torch.from_numpy(rows).float(), torch.from_numpy(labels).long()
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(ours(inputs), gold).backward()
        optimizer.step()
    accuracy = (ours(inputs).argmax(-1) == gold).float().mean().item()
    assert accuracy >= theirs.fit(rows, labels).score(rows, labels) - 0.02
