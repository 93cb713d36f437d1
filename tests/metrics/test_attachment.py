"""The best tree against all trees, and the shares of right words."""

import itertools

import numpy as np
import pytest

from mlalign.data.trees import is_tree
from mlalign.metrics.trees import attachment_scores, maximum_tree


def best_of_all(scores: np.ndarray) -> tuple[int, ...]:
    """Every choice of heads that is a tree with one root is looked at."""
    n = len(scores)
    trees = [heads for heads in itertools.product(range(n + 1), repeat=n) if is_tree(heads)]
    return max(trees, key=lambda heads: sum(scores[word, head] for word, head in enumerate(heads)))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_it_is_the_best_of_all_trees(n):
    random = np.random.default_rng(n)
    for _ in range(40 if n < 5 else 12):
        scores = random.normal(size=(n, n + 1))
        assert tuple(maximum_tree(scores)) == best_of_all(scores)


def test_the_root_is_left_once_although_every_word_likes_it_best():
    scores = np.zeros((3, 4))
    scores[:, 0] = [5, 6, 5]
    scores[0, 2], scores[2, 1] = 1, 2
    assert list(maximum_tree(scores)) == [2, 0, 1]


def test_long_random_sentences_become_trees():
    random = np.random.default_rng(0)
    for n in (20, 60):
        assert is_tree(tuple(maximum_tree(random.normal(size=(n, n + 1))).tolist()))


GOLD = [((2, 0, 2), ("nsubj", "root", "obj")), ((0,), ("root",))]


def test_gold_trees_are_all_right():
    assert attachment_scores(GOLD, GOLD) == {"uas": 100.0, "las": 100.0}


def test_a_wrong_relation_costs_the_one_and_a_wrong_head_both():
    found = [((2, 0, 1), ("obj", "root", "obj")), ((0,), ("root",))]
    assert attachment_scores(GOLD, found) == {"uas": 75.0, "las": 50.0}


def test_nothing_is_no_score():
    with pytest.raises(ValueError, match="at least one word"):
        attachment_scores([], [])
