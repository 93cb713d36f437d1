"""Batches of pairs: reproducible, their true negatives known, held-out English never trained on."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from mlalign.alignment.views import build_views, ordinary_ids
from mlalign.config.schema import Align
from mlalign.data import parallel
from mlalign.data.parallel import ParallelDataModule, ParallelText
from mlalign.data.sampling import BatchKey
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.token_cache import Filter, tokenise
from mlalign.errors import DataError

KEEP = Filter(min_words=1, max_words=100, max_ratio=10.0, max_pairs=None)


@pytest.fixture
def tables(tokenizer, write_parallel, sentences, tmp_path):
    """English with German and, without the first 30, with Russian; ten English ones come twice."""
    tokens = {f"[LANG_{name}]" for name in ("en", "de", "ru", "unk")}
    tokenizer.add_special_tokens({"additional_special_tokens": sorted(tokens)})
    english, german, russian = sentences.values()
    root = write_parallel("de", [*zip(english, german, strict=True), *zip(english[:10], german[1:11], strict=True)])
    write_parallel("ru", list(zip(english[30:], russian[30:], strict=True)))
    return {
        language: tokenise(
            root,
            ["made"],
            language,
            layout=SequenceBuilder(tokenizer, {}, max_length=128),
            keep=KEEP,
            on_bad_line="error",
            cache=tmp_path / "cache",
            progress=iter,
        )
        for language in ("de", "ru")
    }


@pytest.fixture
def layout(tokenizer, tables):
    names = ("en", "de", "ru", "unk")
    tokens = {name: tokenizer.convert_tokens_to_ids(f"[LANG_{name}]") for name in names}
    return SequenceBuilder(tokenizer, tokens, max_length=90)


@pytest.fixture
def data(tables, layout):
    def data(**changes):
        settings = {
            "pairs": 8,
            "batches": 30,
            "exponent": 0.7,
            "held_out": 12,
            "seed": 1,
        } | changes
        return ParallelDataModule(tables, layout, masked_only(layout, 0.15, settings["seed"]), **settings)

    return data


def masked_only(layout, rate, seed=1):
    return build_views(["masked"], layout, Align(mask_rate=rate), seed=seed)


@pytest.fixture
def text(tables, layout):
    rows = {language: np.arange(len(table)) for language, table in tables.items()}
    return ParallelText(tables, rows, layout, masked_only(layout, 0.3))


def tensors(batch):
    for side in batch.first:
        yield from (
            side.subwords[0],
            side.subwords[1],
            side.subwords[2],
            side.original,
            side.masked,
        )
    yield batch.same


def equal(one, other):
    same = all(a.equal(b) for a, b in zip(tensors(one), tensors(other), strict=True))
    return same and one.languages == other.languages and one.place == other.place


def texts_of(layout, ids, is_content_token):
    return [layout.tokenizer.decode(row[mask].tolist()) for row, mask in zip(ids, is_content_token, strict=True)]


def test_rows_translate_each_other_and_carry_their_language(data, layout, sentences):
    of = {name: dict(zip(sentences["en"], sentences[name], strict=True)) for name in ("de", "ru")}
    seen = set()
    for batch in data().train_dataloader():
        source, target = batch.first
        assert batch.languages[0] == "en"
        language = batch.languages[1]
        seen.add(language)
        for side, name in ((source, "en"), (target, language)):
            assert (side.original[:, 1] == layout.language_tokens[name]).all()
            assert side.original.shape[0] == 8
            shown = side.subwords.input_ids
            assert shown[~side.masked].equal(side.original[~side.masked])
            assert (side.masked.sum(1) >= 1).all()
            assert not (side.masked & ~side.subwords.is_content_token).any()
        english = texts_of(layout, source.original, source.subwords.is_content_token)
        others = texts_of(layout, target.original, target.subwords.is_content_token)
        for one, other in zip(english, others, strict=True):
            place = sentences["en"].index(one)
            assert other in (of[language][one], *sentences["de"][place + 1 : place + 2])
    assert seen == {"de", "ru"}


def test_the_same_key_gives_the_same_batch_bit_for_bit(text):
    key = BatchKey(0, 3, "de", np.array([4, 80, 17, 2]))
    first = text[key]
    torch.manual_seed(5)
    np.random.seed(5)
    text[BatchKey(0, 4, "ru", np.array([1, 2]))]
    assert equal(text[key], first)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_can_be_repeated_and_resumed_anywhere(data, workers):
    whole = list(data().train_dataloader())
    assert [batch.place for batch in whole] == list(range(30))
    again = data(workers=workers)
    again.load_state_dict({"batch": 21})
    loader = again.train_dataloader()
    assert len(loader) == 30
    rest = list(loader)
    assert len(rest) == 9
    assert all(equal(*pair) for pair in zip(rest, whole[21:], strict=True))


def test_the_seed_changes_order_and_masks(data):
    first, other = (next(iter(data(seed=seed).train_dataloader())) for seed in (1, 2))
    assert not equal(first, other)


def test_masks_differ_between_batches_epochs_seeds_languages_and_ranks(tables, layout):
    rows = {"de": np.arange(80), "ru": np.arange(50)}
    long = ParallelText(tables, rows, layout, masked_only(layout, 0.5))
    same = np.array([0, 1, 2, 3])

    def hidden(key, side):
        return getattr(long[key].first, side).masked

    first = hidden(BatchKey(0, 0, "de", same), "source")
    assert not hidden(BatchKey(0, 1, "de", same), "source").equal(first)
    assert not hidden(BatchKey(1, 0, "de", same), "source").equal(first)
    reseeded = ParallelText(tables, rows, layout, masked_only(layout, 0.5, seed=2))
    assert not reseeded[BatchKey(0, 0, "de", same)].first.source.masked.equal(first)
    words = parallel.sentences_of(pa.chunked_array([[list(range(20, 40))]]), "de", layout)
    sides = long.views["masked"](parallel.Sentences(words, words), BatchKey(0, 0, "de", same))
    assert not sides[0].masked.equal(sides[1].masked)
    key = BatchKey(0, 0, "de", np.arange(8))
    ranks = [
        ParallelText(tables, {"de": np.zeros(8, int)}, layout, masked_only(layout, 0.5), rank=rank, world_size=2)[
            key
        ].first.source
        for rank in range(2)
    ]
    assert ranks[0].original.equal(ranks[1].original)  # the same text on both
    assert not ranks[0].masked.equal(ranks[1].masked)


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_hold_slices_of_the_very_batch_of_one_process(tables, layout, world):
    rows = {"ru": np.arange(50)}

    def text(**of):
        return ParallelText(tables, rows, layout, masked_only(layout, 0.3), **of)

    key = BatchKey(0, 5, "ru", np.arange(0, 48, 6))
    whole = text()[key]
    parts = [text(rank=rank, world_size=world)[key] for rank in range(world)]
    for part in parts:
        assert part.same.equal(whole.same)
        assert (part.languages, part.place) == (whole.languages, whole.place)
    for side in ("source", "target"):
        start = 0
        for cut in (getattr(part.first, side) for part in parts):
            size, width = cut.original.shape
            assert cut.subwords.attention_mask.sum(1).max() == width
            of_whole = getattr(whole.first, side)
            for found, all_rows in zip(
                (*cut.subwords[:3], cut.original, cut.masked),
                (*of_whole.subwords[:3], of_whole.original, of_whole.masked),
                strict=True,
            ):
                assert found.equal(all_rows[start : start + size, :width])
            assert not of_whole.subwords.attention_mask[start : start + size, width:].any()
            start += size
        assert start == 8


def test_two_views_of_a_batch_differ_in_their_masks_alone(tables, layout):
    rows = {"de": np.arange(80)}
    key = BatchKey(0, 0, "de", np.arange(8))
    both = ParallelText(tables, rows, layout, build_views(["masked", "clean"], layout, Align(mask_rate=0.3), seed=1))[
        key
    ]
    for masked, clean in zip(both.views["masked"], both.views["clean"], strict=True):
        assert not clean.masked.any()
        assert clean.subwords.input_ids.equal(clean.original)
        assert clean.original.equal(masked.original)
    alone = ParallelText(tables, rows, layout, masked_only(layout, 0.3))[key]
    assert equal(alone, both)  # another view moves no mask


def test_random_replacements_are_ordinary_pieces(layout):
    special = {*layout.tokenizer.all_special_ids, *layout.language_tokens.values()}
    ordinary = ordinary_ids(layout).tolist()
    assert not special & set(ordinary)
    assert len(ordinary) == len(layout.tokenizer) - len(special)


def test_same_marks_other_rows_that_say_the_same_on_either_side(text, sentences):
    rows = [0, 80, 5, 1, 81, 0]  # 80 repeats the English of 0 with the German of 1, 81 of 1 and 2
    english, german = sentences["en"], sentences["de"]
    said = {row: (english[row], german[row]) for row in (0, 1, 5)}
    said |= {80: (english[0], german[1]), 81: (english[1], german[2])}
    same = text[BatchKey(0, 0, "de", np.array(rows))].same
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            alike = any(a == b for a, b in zip(said[one], said[other], strict=True))
            assert same[i, j].item() == (alike and i != j)
    assert same[0, 1]
    assert same[1, 3]
    assert not same[0, 3]


def test_held_out_english_is_trained_on_in_no_language(data, tables):
    module = data()
    keys = {"kept": set(), "trained": set()}
    for language, table in tables.items():
        kept, trained = module.kept_out[language], module.trained[language]
        assert sorted([*kept, *trained]) == list(range(len(table)))
        assert 0 < len(kept) <= 0.3 * len(table)
        keys["kept"] |= set(table.source_keys[kept].tolist())
        keys["trained"] |= set(table.source_keys[trained].tolist())
    assert not keys["kept"] & keys["trained"]


def test_held_out_pairs_come_whole_and_unmasked(data, tables, layout):
    module = data()
    batches = list(module.val_dataloader())
    assert [batch.language for batch in batches] == ["de", "ru"]
    for batch in batches:
        rows = module.kept_out[batch.language]
        taken = tables[batch.language].take(rows)
        assert batch.source_keys.tolist() == taken["source_key"].to_pylist()
        assert batch.target_keys.tolist() == taken["target_key"].to_pylist()
        for side, name in (("source", "en"), ("target", batch.language)):
            subwords = getattr(batch, side)
            words = [
                row[mask].tolist() for row, mask in zip(subwords.input_ids, subwords.is_content_token, strict=True)
            ]
            assert words == taken[side].to_pylist()
            assert (subwords.input_ids[:, 1] == layout.language_tokens[name]).all()


def test_nothing_is_held_out_where_nothing_is_asked_for(data):
    module = data(held_out=0)
    assert {language: len(rows) for language, rows in module.trained.items()} == {
        "de": 90,
        "ru": 50,
    }
    assert list(module.val_dataloader()) == []


def test_clean_sentences_of_every_language_and_no_held_out_one(data, tables, layout):
    module = data()
    found = {"en": [], "de": [], "ru": []}
    for language, subwords in module.sentences(20):
        words = texts_of(layout, subwords.input_ids, subwords.is_content_token)
        assert (subwords.input_ids[:, 1] == layout.language_tokens[language]).all()
        found[language] += words
    assert {language: len(texts) for language, texts in found.items()} == dict.fromkeys(found, 20)
    for language, table in tables.items():
        held = table.take(module.kept_out[language])["target"].to_pylist()
        assert not {layout.tokenizer.decode(words) for words in held} & set(found[language])


def test_too_small_a_language_is_named_with_the_setting(data):
    with pytest.raises(DataError, match=r"one batch of 60 \(align\.batch_size\): ru \d+\. Name more"):
        data(pairs=60)


def test_several_devices_share_out_a_batch(data, monkeypatch):
    ranks = []
    for rank in range(2):
        with monkeypatch.context() as of:
            of.setattr(parallel, "rank", lambda rank=rank: rank)
            of.setattr(parallel, "world_size", lambda: 2)
            ranks.append(list(data(pairs=8).train_dataloader()))
    for whole, *parts in zip(data(pairs=8).train_dataloader(), *ranks, strict=True):
        assert {part.languages for part in parts} == {whole.languages}
        rows = [row for part in parts for row in plain_rows(part)]
        assert rows == plain_rows(whole)


def plain_rows(batch):
    masks = batch.first.source.subwords.is_content_token
    return [row[mask].tolist() for row, mask in zip(batch.first.source.original, masks, strict=True)]


def test_the_cursor_is_the_number_of_finished_batches(data):
    module = data()
    progress = SimpleNamespace(current=SimpleNamespace(processed=17))
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress))
    module.trainer = SimpleNamespace(fit_loop=loop)
    assert module.state_dict() == {"batch": 17}
