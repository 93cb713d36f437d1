"""Links against loops, and the alignment error rate by hand."""

import pytest
import torch

from mlalign.metrics.word_links import GoldLinks, alignment_error_rate, mutual_argmax


def test_links_are_those_that_are_best_in_row_and_column():
    similarity = torch.randn(9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    table = similarity.tolist()
    expected = [
        [i, j]
        for i in range(9)
        for j in range(7)
        if table[i][j] == max(table[i]) and table[i][j] == max(row[j] for row in table)
    ]
    found = mutual_argmax(similarity)
    assert found.nonzero().tolist() == expected
    assert torch.equal(mutual_argmax(similarity.T), found.T)
    assert torch.equal(mutual_argmax(torch.stack([similarity, -similarity]))[0], found)
    assert mutual_argmax(torch.ones(2, 3)).nonzero().tolist() == [[0, 0]]
    assert mutual_argmax(torch.ones(0, 3)).shape == (0, 3)


def test_the_error_rate_by_hand():
    sure = frozenset({(0, 0), (1, 2)})
    gold = GoldLinks(sure, sure | {(1, 1)})
    assert alignment_error_rate([[(0, 0), (1, 1), (2, 2)]], [gold]) == pytest.approx(1 - (1 + 2) / (3 + 2))
    assert alignment_error_rate([sure], [gold]) == 0
    assert alignment_error_rate([[]], [gold]) == 1
    assert alignment_error_rate([sure, []], [gold, gold]) == pytest.approx(1 - 4 / (2 + 4))
    assert alignment_error_rate([[]], [GoldLinks(frozenset(), frozenset())]) == 0
