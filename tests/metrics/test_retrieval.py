"""Sentence retrieval against loops, with ties and repeated sentences."""

import pytest
import torch

from mlalign.metrics import nearest, retrieval, retrieval_accuracy


def loops(source, target, source_key, target_key):
    """Row by row, candidate by candidate."""
    accuracies = []
    for queries, candidates, keys in ((source, target, target_key), (target, source, source_key)):
        total = 0.0
        for row, query in enumerate(queries):
            cosines = [float(query @ c / (query.norm() * c.norm())) for c in candidates]
            nearest = [i for i, cosine in enumerate(cosines) if cosine > max(cosines) - 1e-12]
            total += sum(keys[i] == keys[row] for i in nearest) / len(nearest)
        accuracies.append(total / len(queries))
    return tuple(accuracies)


def margin_loops(source, target, target_key, k):
    """The share of source rows that find their target: every cosine by itself, the k nearest by sorting."""

    def cosine(one, other):
        return float(one @ other / (one.norm() * other.norm()))

    def nearness(one, others):
        return sum(sorted((cosine(one, other) for other in others), reverse=True)[:k]) / k

    right = 0
    for row, query in enumerate(source):
        candidates = sorted(range(len(target)), key=lambda place: -cosine(query, target[place]))[:k]
        margins = {
            place: cosine(query, target[place]) / ((nearness(query, target) + nearness(target[place], source)) / 2)
            for place in candidates
        }
        right += target_key[max(margins, key=margins.__getitem__)] == target_key[row]
    return right / len(source)


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(40, 6, dtype=torch.float64, generator=generator)
    noise = torch.randn(40, 6, dtype=torch.float64, generator=generator)
    scale = torch.rand(40, 1, dtype=torch.float64, generator=generator) + 0.1
    return source, (source + noise) * scale


def test_is_what_the_loops_say(pairs):
    rows = list(range(40))
    found = retrieval_accuracy(*pairs)
    assert found == pytest.approx(loops(*pairs, rows, rows))
    assert 0 < found[0] < 1
    assert found[0] != found[1]


@pytest.mark.parametrize("k", [1, 4, 10])
def test_the_margin_is_what_the_loops_say(pairs, k, monkeypatch):
    source, target = pairs
    keys = torch.arange(40) // 2
    expected = margin_loops(source, target, keys.tolist(), k), margin_loops(target, source, keys.tolist(), k)
    assert retrieval_accuracy(*pairs, keys, keys, neighbours=k) == pytest.approx(expected)
    monkeypatch.setattr(retrieval, "CELLS", 40 * 7)
    assert retrieval_accuracy(*pairs, keys, keys, neighbours=k) == pytest.approx(expected)


def test_the_margin_finds_what_a_sentence_near_to_all_hides():
    hub = torch.tensor([1.0, 1.0, 1.0])
    source = torch.stack([torch.tensor([1.0, 0.1, 0.0]), torch.tensor([0.0, 1.0, 0.1]), hub])
    target = torch.stack([torch.tensor([0.1, 0.0, 0.2]), torch.tensor([0.0, 0.1, 0.2]), hub])
    assert retrieval_accuracy(source, target)[0] == pytest.approx(1 / 3)
    assert retrieval_accuracy(source, target, neighbours=3)[0] == pytest.approx(
        margin_loops(source, target, range(3), 3)
    )
    assert retrieval_accuracy(source, target, neighbours=3)[0] > 1 / 3


@pytest.mark.parametrize("value", [0.0, 0.37, -1e-3])
def test_by_margin_too_indistinguishable_sentences_score_one_in_n(value):
    same = torch.full((100, 24), value)
    assert retrieval_accuracy(same, same, neighbours=4) == pytest.approx((0.01, 0.01))


def test_more_neighbours_than_sentences_are_all_of_them(pairs):
    assert retrieval_accuracy(*pairs, neighbours=99) == retrieval_accuracy(*pairs, neighbours=40)
    assert retrieval_accuracy(torch.ones(1, 3), -torch.ones(1, 3), neighbours=4) == (1, 1)
    with pytest.raises(ValueError, match="at least 1 neighbour, found 0"):
        retrieval_accuracy(*pairs, neighbours=0)


def test_sentences_with_the_same_text_are_equally_right(pairs):
    source_key, target_key = torch.arange(40) // 8, torch.arange(40) % 5
    found = retrieval_accuracy(*pairs, source_key, target_key)
    assert found == pytest.approx(loops(*pairs, source_key.tolist(), target_key.tolist()))
    assert retrieval_accuracy(*pairs, torch.zeros(40, dtype=torch.int64))[1] == 1
    swapped = retrieval_accuracy(*reversed(pairs), target_key, source_key)
    assert swapped == found[::-1]


def test_a_text_that_stands_twice_counts_half_without_a_key_and_whole_with_one():
    source, target = torch.eye(3), torch.eye(3)[[0, 0, 2]]
    assert retrieval_accuracy(source[[0, 0, 2]], target) == pytest.approx((2 / 3, 2 / 3))
    keys = torch.tensor([0, 0, 2])
    assert retrieval_accuracy(source[[0, 0, 2]], target, keys, keys) == (1, 1)


@pytest.mark.parametrize("value", [0.0, 0.37, -1e-3, 1e4])
def test_indistinguishable_sentences_score_one_in_n(value):
    same = torch.full((100, 24), value)
    assert retrieval_accuracy(same, same) == pytest.approx((0.01, 0.01))


def test_norms_do_not_matter(pairs):
    source, target = pairs
    assert retrieval_accuracy(source * 1e-3, target * 1e3) == retrieval_accuracy(source, target)


def test_does_not_depend_on_how_many_rows_are_held_at_a_time(pairs, monkeypatch):
    whole = retrieval_accuracy(*pairs)
    for cells in (1, 40 * 7):
        monkeypatch.setattr(retrieval, "CELLS", cells)
        assert retrieval_accuracy(*pairs) == pytest.approx(whole)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_raised(pairs, dtype):
    source, target = (vectors.to(dtype) for vectors in pairs)
    assert retrieval_accuracy(source, target) == retrieval_accuracy(source.float(), target.float())


def test_autocast_does_not_blur_the_similarities():
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(1, 8, generator=generator) + 1e-3 * torch.randn(50, 8, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert retrieval_accuracy(source, source) == (1, 1)


def test_gradients_are_not_recorded(pairs):
    source, target = pairs
    assert retrieval_accuracy(source.requires_grad_(), target) == retrieval_accuracy(source.detach(), target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (torch.ones(3, 2), torch.ones(4, 2)),
        (torch.ones(3, 2), torch.ones(3, 3)),
        (torch.ones(0, 2), torch.ones(0, 2)),
    ],
)
def test_rows_must_pair_up(source, target):
    with pytest.raises(ValueError, match="of one shape"):
        retrieval_accuracy(source, target)


def test_keys_must_pair_up_and_vectors_be_finite():
    with pytest.raises(ValueError, match=r"each of the 3 sentences, found \[2\] source keys"):
        retrieval_accuracy(torch.ones(3, 2), torch.ones(3, 2), torch.ones(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="finite"):
        retrieval_accuracy(torch.full((3, 2), torch.nan), torch.ones(3, 2))


def test_nearest_is_the_first_of_the_best(pairs, monkeypatch):
    source, target = pairs
    cosines = [[float(q @ c / (q.norm() * c.norm())) for c in target] for q in source]
    best = [row.index(max(row)) for row in cosines]
    assert nearest(source, target).tolist() == best
    monkeypatch.setattr(retrieval, "CELLS", 100)
    assert nearest(source, target).tolist() == best
    assert nearest(torch.ones(3, 2), torch.ones(5, 2)).tolist() == [0, 0, 0]
