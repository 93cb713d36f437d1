"""What the chunks are for: memory. And the shortcut for few logits."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mlalign.losses import fused_vocabulary as vocabulary
from mlalign.losses import masked_word_loss, word_distribution_loss

ROWS, VOCABULARY, WIDTH, SENTENCES = 60, 400, 3, 5


class LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation returned."""

    entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.entries = max(self.entries, tensor.numel())
        return result


def losses(leaves, chunk_size):
    words, weight, bias = leaves
    ids = torch.arange(ROWS)
    distribution = {"sentences": SENTENCES, "smoothing_mass": 0.01, "chunk_size": chunk_size}
    owners = (words, ids % SENTENCES, weight, bias, ids, ids % SENTENCES)
    return {
        "masked": lambda: masked_word_loss(words, weight, bias, ids, chunk_size=chunk_size),
        "mixture": lambda: word_distribution_loss(*owners, **distribution),
        "pooled": lambda: word_distribution_loss(*owners, **distribution, prediction="pooled"),
    }


@pytest.fixture
def leaves():
    torch.manual_seed(0)
    shapes = ((ROWS, WIDTH), (VOCABULARY, WIDTH), (VOCABULARY,))
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("name", ["masked", "mixture", "pooled"])
def test_never_holds_more_logits_than_a_chunk(leaves, name):
    with LargestTensor() as largest:
        losses(leaves, chunk_size=30)[name]().backward()
    assert largest.entries <= ROWS * 30


@pytest.mark.parametrize("name", ["masked", "mixture", "pooled"])
def test_chooses_a_chunk_that_fits(leaves, name, monkeypatch):
    expected = torch.autograd.grad(losses(leaves, chunk_size=None)[name](), leaves)
    monkeypatch.setattr(vocabulary, "KEPT_ENTRIES", ROWS * 25)
    with LargestTensor() as largest:
        found = torch.autograd.grad(losses(leaves, chunk_size=None)[name](), leaves)
    assert largest.entries <= ROWS * 25
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["mixture", "pooled"])
def test_few_logits_are_kept_part_by_part(leaves, name, monkeypatch):
    expected = torch.autograd.grad(losses(leaves, chunk_size=None)[name](), leaves)
    monkeypatch.setattr(vocabulary, "CACHED_ENTRIES", ROWS * 7)
    found = torch.autograd.grad(losses(leaves, chunk_size=None)[name](), leaves)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["masked", "mixture", "pooled"])
def test_the_weight_may_be_a_view_of_a_tied_embedding(leaves, name):
    """Rows beyond the vocabulary, the language tokens, learn nothing from the word losses."""
    words, weight, bias = leaves
    embedding = torch.cat([weight.detach(), torch.ones(4, WIDTH)]).requires_grad_()
    for chunk_size in (30, None):
        tied = (words, embedding[:VOCABULARY], bias)
        (found,) = torch.autograd.grad(losses(tied, chunk_size)[name](), embedding)
        (expected,) = torch.autograd.grad(losses(leaves, chunk_size)[name](), weight)
        torch.testing.assert_close(found[:VOCABULARY], expected)
        assert not found[VOCABULARY:].any()


@pytest.mark.parametrize("chunk_size", [30, None])
def test_gives_gradients_only_where_they_are_wanted(leaves, chunk_size):
    frozen = [leaves[0], leaves[1].detach(), leaves[2].detach()]
    loss = losses(frozen, chunk_size)["mixture"]()
    (slope,) = torch.autograd.grad(loss, leaves[0])
    full = torch.autograd.grad(losses(leaves, chunk_size)["mixture"](), leaves)
    torch.testing.assert_close(slope, full[0])
    with torch.no_grad():
        assert losses(leaves, chunk_size)["mixture"]().item() == pytest.approx(loss.item())


@pytest.mark.parametrize("chunk_size", [30, None])
def test_the_gradient_follows_the_weight_of_the_loss_and_can_be_taken_again(leaves, chunk_size):
    loss = losses(leaves, chunk_size)["mixture"]()
    once = torch.autograd.grad(loss, leaves, retain_graph=True)
    thrice = torch.autograd.grad(3 * loss, leaves)
    torch.testing.assert_close([3 * slope for slope in once], list(thrice))
