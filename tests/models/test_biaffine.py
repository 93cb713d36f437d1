"""The parser's scores against the equation, pair by pair."""

import pytest
import torch

from mlalign.models.biaffine import Biaffine, Parser, word_means


@pytest.fixture
def vectors():
    torch.manual_seed(0)
    return torch.randn(2, 4, 5).double(), torch.randn(2, 3, 5).double()


def test_it_is_the_equation(vectors):
    dependents, heads = vectors
    layer = Biaffine(5, 3).double()
    torch.nn.init.normal_(layer.weight)
    found = layer(dependents, heads)
    matrix, of_dependent, of_head, constant = (
        layer.weight[:, :-1, :-1],
        layer.weight[:, :-1, -1],
        layer.weight[:, -1, :-1],
        layer.weight[:, -1, -1],
    )
    for batch in range(2):
        for i, x in enumerate(dependents[batch]):
            for j, y in enumerate(heads[batch]):
                for k in range(3):
                    expected = x @ matrix[k] @ y + of_dependent[k] @ x + of_head[k] @ y + constant[k]
                    torch.testing.assert_close(found[batch, i, j, k], expected)


def test_a_relation_is_scored_with_the_given_head_alone(vectors):
    words, _ = vectors
    root = torch.randn(2, 5).double()
    parser = Parser(5, 6).double()
    torch.nn.init.normal_(parser.relation.weight)
    torch.nn.init.normal_(parser.arc.weight)
    heads = torch.tensor([[2, 0, 4, 1], [0, 1, 1, 3]])
    found = parser.relations(root, words, heads)
    ends = torch.cat([root[:, None], words], 1)
    every = parser.relation(words, ends)
    for batch in range(2):
        for word, head in enumerate(heads[batch]):
            torch.testing.assert_close(found[batch, word], every[batch, word, head])
    assert parser.arcs(root, words).shape == (2, 4, 5)
    torch.testing.assert_close(parser.arcs(root, words)[:, :, 0], parser.arc(words, root[:, None])[..., 0, 0])


def test_a_word_is_the_mean_of_its_tokens():
    states = torch.randn(2, 5, 3)
    word = torch.tensor([[0, 1, 1, 2, 0], [0, 1, 0, 0, 0]])
    found = word_means(states, word, 2)
    torch.testing.assert_close(found[0, 0], states[0, 1:3].mean(0))
    torch.testing.assert_close(found[0, 1], states[0, 3])
    torch.testing.assert_close(found[1, 0], states[1, 1])
    assert not found[1, 1].any()
