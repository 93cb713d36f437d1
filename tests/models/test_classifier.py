"""A head with hidden layers against scikit-learn's, one with filters against loops."""

import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.neural_network import MLPClassifier

from mlalign.models.classifier import Convolution, perceptron


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


def convolved(head, words, content):
    """The head word by word, in loops."""
    rows = [word if is_word else torch.zeros_like(word) for word, is_word in zip(words, content, strict=True)]
    reach = head.filters.kernel_size[0] // 2
    best = torch.full((head.filters.out_channels,), -torch.inf, dtype=words.dtype)
    for place, is_word in enumerate(content):
        if not is_word:
            continue
        value = head.filters.bias.clone()
        for shift in range(-reach, reach + 1):
            if 0 <= place + shift < len(rows):
                value = value + head.filters.weight[:, :, shift + reach] @ rows[place + shift]
        best = torch.maximum(best, torch.tanh(value))
    best = best if any(content) else torch.zeros_like(best)
    return head.linear.weight @ best + head.linear.bias


@pytest.fixture
def convolution():
    torch.manual_seed(0)
    return Convolution(4, 3, filters=5, width=3, activation="tanh", dropout=0.2).double().eval()


def test_filters_stand_on_every_word_and_the_largest_counts(convolution):
    words = torch.randn(3, 7, 4, dtype=torch.float64)
    content = torch.tensor([[0, 1, 1, 1, 1, 1, 0], [0, 1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]]).bool()
    expected = torch.stack([convolved(convolution, *one) for one in zip(words, content, strict=True)])
    torch.testing.assert_close(convolution(words, content), expected)


def test_padding_and_what_is_no_word_change_nothing(convolution):
    words = torch.randn(2, 6, 4, dtype=torch.float64)
    content = torch.tensor([[0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0]]).bool()
    before = convolution(words, content)
    wide = torch.cat([words.masked_fill(~content[..., None], 9.0), torch.full((2, 5, 4), 7.0)], 1).double()
    after = convolution(wide, torch.nn.functional.pad(content, (0, 5)))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-12)


def test_a_text_without_words_has_a_finite_gradient(convolution):
    words = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    convolution(words, torch.zeros(1, 3).bool()).sum().backward()
    assert words.grad.eq(0).all()
    assert all(one.grad is None or one.grad.isfinite().all() for one in convolution.parameters())
