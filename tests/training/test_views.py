"""Views of a batch: what each is made of, and what no other view moves."""

import pytest
import torch
from training.toy import batches, built

from mlalign.alignment.objectives.base import Needs
from mlalign.alignment.views import build_views, views_read
from mlalign.config.schema import Align, Tlm
from mlalign.data.parallel import ParallelText

EVERY = ["masked", "clean", "english", "tlm", "mixed", "either", "again:masked"]


def made(toy, *names, rank=0, world_size=1, **settings):
    """The first batch of a toy in these views, and the toy's data."""
    _, data = built(toy, "method=inter_sentence", "align.batch_size=8")
    views = build_views(names, data.layout, Align(max_length=32, **settings), seed=1)
    loader = data.train_dataloader()
    text = ParallelText(data.tables, data.trained, data.layout, views, rank=rank, world_size=world_size)
    return text[loader.sampler.key(0, 0)], data


def words(side, row):
    return side.original[row][side.is_content_token[row]].tolist()


def test_each_view_has_streams_of_its_own(toy):
    together, _ = made(toy, *EVERY)
    for name in EVERY:
        alone, _ = made(toy, name)
        for one, other in zip(alone.views[name], together.views[name], strict=True):
            assert one.subwords.input_ids.equal(other.subwords.input_ids)
    masked, again = together.views["masked"], together.views["again:masked"]
    assert all(one.subwords.input_ids.equal(other.subwords.input_ids) for one, other in zip(masked, again, strict=True))


def test_a_joined_row_holds_both_sentences_of_its_pair(toy):
    batch, _ = made(toy, "clean", "tlm")
    source, target = batch.views["clean"]
    (joined,) = batch.views["tlm"]
    orders = set()
    for row in range(8):
        pair = words(source, row), words(target, row)
        halves = [
            joined.original[row][joined.is_content_token[row] & (joined.half[row] == half)].tolist() for half in (1, 2)
        ]
        assert sorted(halves) == sorted(pair)
        orders.add(halves == list(pair))
        assert joined.masked[row].sum() == max(1, round(0.15 * sum(map(len, pair))))
    assert orders == {True, False}
    assert set(joined.subwords.positions[:, 0].tolist()) == {0}


def test_with_a_fixed_order_and_positions_that_run_on_rows_are_english_first(toy):
    batch, data = made(toy, "clean", "tlm", tlm=Tlm(order="fixed", positions="run_on"))
    (joined,) = batch.views["tlm"]
    source, target = batch.views["clean"]
    layout = data.layout
    for row in range(8):
        expected = [*layout.first, *words(source, row), layout.last, *words(target, row), layout.last]
        assert joined.original[row][: len(expected)].tolist() == expected
    assert joined.subwords.positions is None


def test_a_mixed_row_holds_two_pairs_that_translate_each_other(toy):
    batch, _ = made(toy, "clean", "mixed")
    clean, mixed = batch.views["clean"], batch.views["mixed"]
    firsts, orders = set(), set()
    for row in range(4):
        pairs = [[words(side, 2 * row + place) for place in (0, 1)] for side in clean]  # language, sentence
        found = [
            [side.original[row][side.is_content_token[row] & (side.half[row] == half)].tolist() for half in (1, 2)]
            for side in mixed
        ]
        assert sorted(sorted(side) for side in found) == sorted(sorted(side) for side in pairs)
        firsts.add(sorted(found[0]) == sorted(pairs[0]))
        orders |= {side in pairs for side in found}
        assert all(side.masked[row].any() for side in mixed)
    assert firsts == orders == {True, False}


def test_either_language_is_the_source_of_a_row_and_the_other_its_target(toy):
    batch, _ = made(toy, "clean", "either")
    orders = set()
    for row in range(8):
        clean, found = ([words(side, row) for side in batch.views[name]] for name in ("clean", "either"))
        assert sorted(found) == sorted(clean)
        orders.add(found == clean)
    assert orders == {True, False}
    assert not any(side.masked.any() for side in batch.views["either"])


@pytest.mark.parametrize("view", EVERY)
def test_ranks_share_the_rows_of_a_view(toy, view):
    whole, _ = made(toy, view)
    parts = [made(toy, view, rank=rank, world_size=2)[0] for rank in (0, 1)]
    for place, side in enumerate(whole.views[view]):
        rows = [words(one.views[view][place], row) for one in parts for row in range(len(side.original) // 2)]
        assert rows == [words(side, row) for row in range(len(side.original))]


def test_views_are_read_in_one_order_and_unmasked_where_no_mask_is_predicted():
    needs = [Needs(frozenset({"again:masked", "mixed"})), Needs(frozenset({"tlm", "masked"}))]
    assert views_read(needs) == ["clean", "tlm", "mixed", "again:clean"]
    assert views_read([*needs, Needs(masking=True)]) == ["masked", "tlm", "mixed", "again:masked"]


def test_a_joined_row_of_a_batch_is_encoded_in_a_pass_of_its_own(toy):
    module, _ = built(toy)
    module.eval()
    batch, _ = made(toy, "masked", "tlm")
    passes = []
    module.encoder.register_forward_hook(lambda _, given, found: passes.append(found))
    encoded = module.encoded(batch, partnered=False)
    assert len(passes) == 2
    joined = encoded.joined("tlm")
    assert joined.states.equal(passes[1])
    assert joined.sentence.equal(module.encoder.pooled(passes[1], batch.views["tlm"][0].subwords))
    assert encoded.first is encoded.pair("masked")


def test_layers_are_kept_that_are_asked_for(toy):
    module, data = built(toy, "method=inter_sentence", "backbone.layers=2")
    module.eval()
    module.encoded.layers = frozenset({1})
    (batch,) = batches(data, 1)
    pair = module.encoded(batch, partnered=False).first
    both = module.encoder.backbone.base_model.encoder
    assert len(both.layer) == 2
    every = module.encoder.layers(batch.first.source.subwords)
    torch.testing.assert_close(pair.source.layer(1), every[1])
    torch.testing.assert_close(pair.source.states, every[2])
    with pytest.raises(KeyError):
        pair.source.layer(0)
