"""Links of words: IBM model 1 against plain loops, and a cipher that is read."""

from collections import defaultdict

import numpy as np
import pytest

from mlalign.data import links as module
from mlalign.data.links import NULL, Model1, Sentences, links


def sentences(rows) -> Sentences:
    return Sentences(np.array([word for row in rows for word in row], np.int64), np.array([*map(len, rows)], np.int64))


def made_up(number=40, words=12, seed=0):
    random = np.random.default_rng(seed)
    return [
        [random.integers(0, words, random.integers(1, 7)).tolist() for _ in range(number)] for _ in ("source", "target")
    ]


def by_loops(source, target, iterations):
    """The textbook's algorithm, word by word; NULL is None."""
    t = defaultdict(lambda: 1.0)
    for _ in range(iterations):
        count, total = defaultdict(float), defaultdict(float)
        for one, other in zip(source, target, strict=True):
            for f in other:
                norm = sum(t[f, e] for e in (None, *one))
                for e in (None, *one):
                    count[f, e] += t[f, e] / norm
                    total[e] += t[f, e] / norm
        t = defaultdict(float, {(f, e): value / total[e] for (f, e), value in count.items()})
    return t


@pytest.mark.parametrize("iterations", [1, 2, 6])
def test_probabilities_are_those_of_the_textbook(iterations, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    source, target = made_up()
    found = Model1(sentences(source), sentences(target), iterations).probabilities
    expected = by_loops(source, target, iterations)
    assert found.nnz == len(expected)
    for (f, e), value in expected.items():
        assert found[0 if e is None else e + 1, f] == pytest.approx(value, abs=1e-9)
    np.testing.assert_allclose(found.sum(axis=1)[found.sum(axis=1) > 0], 1)


def test_a_word_is_aligned_with_its_best_one(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 11)
    source, target = made_up(seed=1)
    model, t = Model1(sentences(source), sentences(target), 4), by_loops(source, target, 4)
    found = iter(model.alignment(sentences(source), sentences(target)))
    for one, other in zip(source, target, strict=True):
        for f in other:
            place = next(found)
            best = max(t[f, e] for e in (None, *one))
            assert t[f, None if place == NULL else one[place]] == pytest.approx(best)


def test_probabilities_of_the_first_pairs_link_all_of_them(monkeypatch):
    source, target = made_up(number=60, seed=3)
    monkeypatch.setattr(module, "CHUNK", 13)
    whole, its_sizes = links(sentences(source), sentences(target))
    monkeypatch.setattr(module, "LEARNED", 60)
    twice, sizes = links(sentences(source + source), sentences(target + target))
    np.testing.assert_array_equal(twice, np.concatenate([whole, whole]))
    assert sizes.tolist() == [*its_sizes, *its_sizes]


def test_words_that_were_not_learned_are_not_linked(monkeypatch):
    monkeypatch.setattr(module, "LEARNED", 2)
    found, sizes = links(sentences([[0], [1], [0, 7], [1]]), sentences([[0], [1], [9, 0], [0]]))
    assert found.tolist() == [[0, 0], [0, 0], [0, 1]]
    assert sizes.tolist() == [1, 1, 1, 0]


def test_of_equal_words_the_one_nearest_to_the_diagonal_is_taken():
    text = [[0, 1, 0], [1], [0]]
    found, sizes = links(sentences(text), sentences(text))
    assert found.tolist() == [[0, 0], [1, 1], [2, 2], [0, 0], [0, 0]]
    assert sizes.tolist() == [3, 1, 1]


def test_a_cipher_in_another_order_is_read():
    random = np.random.default_rng(2)
    chances = 1 / np.arange(1, 201)
    text, orders = [], []
    for _ in range(3000):
        size = random.integers(4, 12)
        text.append(random.choice(200, size, replace=False, p=chances / chances.sum()).tolist())
        orders.append(random.permutation(size))
    code = random.permutation(200)
    cipher = [[int(code[row[place]]) for place in order] for row, order in zip(text, orders, strict=True)]
    found, sizes = links(sentences(text), sentences(cipher))
    pair = np.repeat(np.arange(len(text)), sizes)
    right = sum(orders[row][target] == source for row, (source, target) in zip(pair, found, strict=True))
    assert right >= 0.99 * len(found)
    assert len(found) >= 0.99 * sum(map(len, text))


def test_the_directions_are_alike_and_repeatable():
    source, target = (sentences(rows) for rows in made_up(seed=3))
    (one, sizes), (other, others) = links(source, target), links(target, source)
    assert sizes.tolist() == others.tolist()
    pairs = np.repeat(np.arange(len(sizes)), sizes)
    both = [{(row, *link) for row, link in zip(pairs, found, strict=True)} for found in (one, other[:, ::-1])]
    assert both[0] == both[1]
    np.testing.assert_array_equal(one, links(source, target)[0])
