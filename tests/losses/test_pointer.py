"""Pointers and links, held against loops over the tokens of each row."""

import itertools
import math

import numpy as np
import pytest
import torch

from mlalign.losses import mutual_links, pointer_loss, sinkhorn


@pytest.fixture
def rows():
    """Two rows of positions: a first half, a second half, and others."""
    random = torch.Generator().manual_seed(3)
    query, key = (torch.randn(2, 9, 4, dtype=torch.float64, generator=random) for _ in range(2))
    half = torch.tensor([[0, 1, 1, 1, 0, 2, 2, 2, 0], [0, 1, 1, 0, 2, 2, 2, 0, 0]])
    across = (half == 1)[:, :, None] & (half == 2)[:, None, :]
    links = torch.zeros_like(across)
    for place in ((0, 1, 6), (0, 3, 5), (0, 6, 1), (1, 2, 4)):
        links[place] = True
    return query, key, links, across | across.transpose(1, 2)


def test_is_the_equation(rows):
    query, key, links, allowed = rows
    total = []
    for row, i, j in links.nonzero().tolist():
        scores = {n: float(query[row, i] @ key[row, n]) / 2 for n in range(9) if allowed[row, i, n]}
        total.append(math.log(sum(map(math.exp, scores.values()))) - scores[j])
    assert pointer_loss(*rows).item() == pytest.approx(sum(total) / 4)


def test_only_the_tokens_that_may_be_pointed_at_move_it(rows):
    query, key, links, allowed = rows
    query.requires_grad_()
    key.requires_grad_()
    pointer_loss(query, key, links, allowed).backward()
    assert query.grad.any(2).equal(links.any(2))
    assert key.grad.any(2).equal((links.any(2)[:, :, None] & allowed).any(1))


def test_equal_keys_cost_the_logarithm_of_their_number_and_no_link_nothing(rows):
    query, _, links, allowed = rows
    one = torch.zeros_like(links)
    one[1, 2, 5] = True
    assert pointer_loss(query, torch.ones_like(query), one, allowed).item() == pytest.approx(math.log(3))
    query.requires_grad_()
    loss = pointer_loss(query, query, torch.zeros_like(links), allowed)
    loss.backward()
    assert (loss.item(), query.grad.any().item()) == (0, False)


def test_shapes_that_do_not_fit_are_refused(rows):
    query, key, links, allowed = rows
    with pytest.raises(ValueError, match=r"pointer_loss needs query and key \[rows, length, dim\]"):
        pointer_loss(query, key, links[:, 1:], allowed)


def test_sinkhorn_makes_rows_sum_to_one_and_nearly_columns(rows):
    allowed = torch.ones(1, 4, 4, dtype=torch.bool)
    allowed[:, 3] = False
    similarity = torch.rand(1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    shares = sinkhorn(similarity, allowed, iterations=2)
    torch.testing.assert_close(shares.sum(2)[0, :3], torch.ones(3, dtype=torch.float64))
    assert not shares[0, 3].any()
    assert (sinkhorn(similarity, allowed, iterations=200).sum(1) - 3 / 4).abs().max() < 1e-6
    assert sinkhorn(similarity, allowed, iterations=0) is similarity


def linked(values, rounds):
    """Round by round, token by token."""
    found, (m, n) = set(), values.shape
    for number in range(rounds):
        rows, columns = {i for i, _ in found}, {j for _, j in found}
        if number and (len(rows) == m or len(columns) == n):
            break
        scores = np.array(
            [
                [-np.inf if i in rows and j in columns else values[i, j] * (0.9 if i in rows or j in columns else 1)
                 for j in range(n)]
                for i in range(m)
            ]
        )  # fmt: skip
        found |= {
            (i, j)
            for i, j in itertools.product(range(m), range(n))
            if scores[i].argmax() == j and scores[:, j].argmax() == i and not (i in rows and j in columns)
        }
    return found


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_links_are_mutual_best_matches_round_by_round(rounds):
    random = np.random.default_rng(rounds)
    sizes = [(5, 7), (6, 3), (2, 2), (1, 4)]
    values, allowed = np.zeros((4, 6, 7)), np.zeros((4, 6, 7), dtype=bool)
    for row, (m, n) in enumerate(sizes):
        values[row, :m, :n], allowed[row, :m, :n] = random.random((m, n)), True
    links = mutual_links(torch.from_numpy(values), torch.from_numpy(allowed), rounds=rounds)
    for row, (m, n) in enumerate(sizes):
        assert set(map(tuple, links[row].nonzero().tolist())) == linked(values[row, :m, :n], rounds)


def test_the_same_tokens_in_another_order_are_found():
    vectors = torch.eye(6)[None]
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    allowed = torch.ones(1, 6, 6, dtype=torch.bool)
    links = mutual_links(sinkhorn(vectors @ vectors[:, order].transpose(1, 2), allowed, iterations=2), allowed)
    assert links[0].nonzero().tolist() == [
        [int(place), at] for at, place in sorted(enumerate(order), key=lambda p: p[1])
    ]
