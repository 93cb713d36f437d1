"""Task files as batches: test files untouched until asked for, every word and example once."""

import itertools
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlalign.data.readers import task_formats
from mlalign.data.sampling import ShuffledBatches, within_budget
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.task_files import TaskFiles, TaskRelease
from mlalign.errors import ConfigError, DataError
from mlalign.tasks.base import IGNORED
from mlalign.tasks.data import TaskDataModule
from mlalign.tasks.registry import learned_task

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TOPICS = ["people", "places"]
KINDS = {"panx": "entities", "mldoc": "mldoc", "pawsx": "pawsx"}
LABELS = {"panx": TAGS, "mldoc": TOPICS, "pawsx": ["0", "1"]}
TYPES = {name: learned_task("entity_f1" if name == "panx" else "accuracy", labels) for name, labels in LABELS.items()}


@pytest.fixture
def layout(tokenizer):
    names = ("en", "de", "ru", "unk")
    tokens = [f"[LANG_{name}]" for name in names]
    tokenizer.add_special_tokens({"additional_special_tokens": tokens})
    known = {name: tokenizer.convert_tokens_to_ids(f"[LANG_{name}]") for name in names}
    return SequenceBuilder(tokenizer, known, max_length=20)


def tagged(sentences):
    """Every capital begins a place, the word behind it is inside, and so on in turn."""
    rows = []
    for number, sentence in enumerate(sentences):
        words = [word for text in sentence.split() for word in (text, "")[: 1 + (number % 7 == 3)]]
        rows.append([(word, TAGS[(number + place) % 5]) for place, word in enumerate(words)])
    return rows


@pytest.fixture
def panx(tmp_path, sentences):
    """English in all parts, German and Russian to be tested in; sentences of 4 to 40 words."""
    folder = tmp_path / "panx"
    long = {name: [" ".join(rows[i : i + 1 + i % 8]) for i in range(60)]
            for name, rows in sentences.items()}  # fmt: skip
    for language, texts in long.items():
        (folder / language).mkdir(parents=True)
        for part, rows in (("train", texts[:33]), ("dev", texts[33:50]), ("test", texts[20:])):
            lines = ["".join(f"{language}:{word}\t{tag}\n" for word, tag in row) for row in tagged(rows)]
            (folder / language / part).write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def mldoc(tmp_path, sentences):
    folder = tmp_path / "mldoc"
    folder.mkdir()
    names = {"en": "english", "de": "german", "ru": "russian"}
    for language, texts in sentences.items():
        rows = [f"{TOPICS[number % 2]}\t{text} {text}\n" for number, text in enumerate(texts)]
        for part in ("train.1000", "dev", "test"):
            (folder / f"{names[language]}.{part}").write_text("".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def pawsx(tmp_path, sentences):
    folder = tmp_path / "pawsx" / "en"
    folder.mkdir(parents=True)
    rows = [
        f"{number}\t{one}\t{two}\t{number % 2}\n"
        for number, (one, two) in enumerate(zip(sentences["en"], sentences["en"][::-1], strict=True))
    ]
    for part in ("train", "dev_2k", "test_2k"):
        text = "id\tsentence1\tsentence2\tlabel\n" + "".join(rows)
        (folder / f"{part}.tsv").write_text(text, encoding="utf-8")
    return folder.parent


def files(folder, languages=("en", "de", "ru"), **changes):
    given = languages if isinstance(languages, str) else list(languages)
    asked = {name: changes.pop(name) for name in ("learned", "scored", "translated") if name in changes}
    release = TaskRelease(folder, task_formats()[KINDS[folder.name]], LABELS[folder.name], **changes)
    return TaskFiles(release, given, **asked)


def module(folder, layout, languages=("en", "de", "ru"), **changes):
    settings = {"batch_size": 8, "seed": 1}
    return TaskDataModule(TYPES[folder.name], files(folder, languages), layout, **(settings | changes))


# Which files, and when


def test_no_test_file_is_read_before_it_is_asked_for(panx, layout):
    data = module(panx, layout)
    for language in ("en", "ru"):
        (panx / language / "test").write_bytes(b"\xff\xff corrupted")
    (panx / "de" / "test").unlink()
    assert len(list(data.train_dataloader())) == data.batches
    assert list(data.val_dataloader())
    again = TaskDataModule(data.task, data.files, layout, batch_size=8, seed=1)
    assert len(list(again.train_dataloader())) == data.batches
    for language in ("en", "de", "ru"):
        with pytest.raises(DataError):
            data.test_loader(language)


def test_target_languages_need_nothing_but_a_test_file(panx, layout):
    for part in ("train", "dev"):
        (panx / "de" / part).unlink()
    part, _ = module(panx, layout, ("en", "de")).test_loader("de")
    assert len(part.examples) == 40


def test_a_missing_file_is_found_before_anything_is_read(panx):
    (panx / "ru" / "test").unlink()
    with pytest.raises(DataError, match=r"no test part for ru.*\n.*test part there: de, en; ru ha"):
        files(panx)
    (panx / "en" / "dev").unlink()
    with pytest.raises(DataError, match="no dev part for en"):
        files(panx, ["en", "de"])


def test_available_takes_what_has_a_test_part_with_english_first(panx):
    assert files(panx, "available").languages == ["en", "de", "ru"]
    shutil.rmtree(panx / "de")
    (panx / "ru" / "train").unlink()
    assert files(panx, "available").languages == ["en", "ru"]


@pytest.mark.parametrize(
    ("languages", "error", "message"),
    [
        ("availabel", ConfigError, "expected `available` or a list .* did you mean 'available'"),
        (["en", "de", "en"], ConfigError, "a language is named twice"),
        (["en", "fr"], DataError, "no test part for fr"),
        ([], DataError, "no language"),
    ],
)
def test_wrong_languages_are_named(panx, languages, error, message):
    with pytest.raises(error, match=message):
        files(panx, languages)


def test_a_missing_folder_is_named(panx):
    with pytest.raises(DataError, match=r"pawsx: no such folder; check data\.root"):
        files(panx.parent / "pawsx")


def test_a_release_that_names_its_languages_is_read_by_code(mldoc, layout):
    data = module(mldoc, layout, "available")
    assert data.files.languages == ["en", "de", "ru"]
    part, loader = data.test_loader("ru")
    assert part.path.name == "russian.test"
    assert {batch.language for batch in loader} == {"ru"}


# Words and their tags


def decoded(layout, subwords):
    """Word pieces of every row, as lists of ids."""
    return [row[mask].tolist() for row, mask in zip(subwords.input_ids, subwords.is_content_token, strict=True)]


@pytest.mark.parametrize("language_tokens", [True, False])
def test_a_words_tag_stands_on_its_first_subword_and_nowhere_else(panx, layout, language_tokens):
    if not language_tokens:
        layout = SequenceBuilder(layout.tokenizer, {}, max_length=20)
    first = 1 + language_tokens
    part, loader = module(panx, layout).test_loader("de")
    for batch in loader:
        rows = zip(
            batch.subwords.input_ids.tolist(),
            batch.labels.tolist(),
            batch.subwords.attention_mask.sum(1).tolist(),
            batch.examples,
            batch.firsts,
            strict=True,
        )
        for ids, labels, length, example, word in rows:
            assert labels[:first] == [IGNORED] * first
            assert labels[first] != IGNORED  # a word begins right behind the language token
            assert set(labels[length - 1 :]) == {IGNORED}
            starts = [place for place, label in enumerate(labels) if label != IGNORED]
            for number, start in enumerate(starts):
                end = (*starts, length - 1)[number + 1]
                text = part.examples[example].words[word + number]
                assert labels[start] == part.examples[example].tags[word + number]
                whole = layout.split_words([[text]], "en")[0][0]
                assert ids[start:end] == whole[: layout.budget]


@pytest.mark.parametrize("max_length", [8, 20, 500])
def test_long_sentences_are_split_and_every_word_is_scored_once(panx, layout, max_length):
    layout.max_length = max_length
    part, loader = module(panx, layout).test_loader("ru")
    pieces = []
    for batch in loader:
        assert batch.subwords.input_ids.shape[1] <= max_length
        for row, example, word in zip(batch.labels, batch.examples, batch.firsts, strict=True):
            # What a perfect tagger would say, told apart by example and place.
            count = int((row != IGNORED).sum())
            said = [(example, word + place) for place in range(count)]
            pieces.append((example, word, said))
    if max_length == 8:
        assert len(pieces) > len(part.examples)
    if max_length == 500:
        assert len(pieces) == len(part.examples)
    whole = TYPES["panx"].merged(pieces)
    assert len(whole) == len(part.examples)
    for example, (sentence, predicted) in enumerate(zip(part.examples, whole, strict=True)):
        assert predicted == [(example, place) for place in range(len(sentence.words))]


def test_pieces_are_as_long_as_they_can_be(panx, layout):
    part, _ = module(panx, layout).test_loader("de")
    prepared = TYPES["panx"].encode(part.examples, "de", layout)
    split = layout.split_words([example.words for example in part.examples], "en")
    for one, following in itertools.pairwise(prepared):
        if following.example == one.example:
            next_word = split[one.example][following.first]
            room = layout.max_length - len(one.sequence.ids)
            assert min(len(next_word), layout.budget) > room


def test_a_word_longer_than_the_sequence_is_cut_and_scored(tmp_path, layout):
    folder = tmp_path / "panx" / "en"
    folder.mkdir(parents=True)
    text = f"en:my\tO\nen:{'horses' * 30}\tB-LOC\nen:friend\tB-PER\n"
    for part in ("train", "dev", "test"):
        (folder / part).write_text(text, encoding="utf-8")
    _, loader = module(folder.parent, layout, ["en"]).test_loader("en")
    (batch,) = loader
    assert batch.subwords.input_ids.shape[1] == layout.max_length
    labels = [label for row in batch.labels.tolist() for label in row if label != IGNORED]
    assert sorted(labels) == [0, 1, 3]


# Texts


def test_a_text_has_its_label_and_a_pair_is_one_sequence(pawsx, layout):
    layout.max_length = 90
    part, loader = module(pawsx, layout, ["en"]).test_loader("en")
    for batch in loader:
        for ids, mask, label, example in zip(*batch.subwords[:2], batch.labels, batch.examples, strict=True):
            one = part.examples[example]
            expected = layout.tokenizer(*one.texts)["input_ids"]
            expected.insert(1, layout.language_tokens["en"])
            assert ids[mask.bool()].tolist() == expected
            assert label == one.label


def test_a_long_text_is_cut(mldoc, layout):
    part, loader = module(mldoc, layout).test_loader("de")
    for batch in loader:
        assert batch.subwords.input_ids.shape[1] == layout.max_length
        texts = [part.examples[example].texts[0] for example in batch.examples]
        assert decoded(layout, batch.subwords) == [words[: layout.budget] for words in layout.words(texts)]


# Each example once


@pytest.mark.parametrize("tokens", [10, 150, 10**6])
@pytest.mark.parametrize("name", ["panx", "mldoc", "pawsx"])
def test_evaluation_sees_every_example_once_within_the_budget(request, layout, name, tokens):
    data = module(request.getfixturevalue(name), layout, "available", tokens=tokens)
    loaders = [(data.dev, data.val_dataloader())]
    loaders += [data.test_loader(language) for language in data.files.languages]
    for part, loader in loaders:
        seen = [place for batch in loader for place in zip(batch.examples, batch.firsts)]  # noqa: B905
        assert len(set(seen)) == len(seen)
        assert {example for example, _ in seen} == set(range(len(part.examples)))
        for batch in loader:
            assert batch.subwords.input_ids.numel() <= tokens or len(batch.examples) == 1


def test_training_covers_all_examples_in_another_order_each_epoch(mldoc, layout):
    loader = module(mldoc, layout, batch_size=7).train_dataloader()
    orders = []
    for epoch in (0, 1, 0):
        loader.sampler.set_epoch(epoch)
        batches = [[place for part in update.parts for place in part.examples] for update in loader]
        assert len(batches) == len(loader) == -(-80 // 7)
        orders.append([example for batch in batches for example in batch])
        assert sorted(orders[-1]) == list(range(80))
    assert orders[0] == orders[2] != orders[1]


@pytest.mark.parametrize("tokens", [10, 70])
def test_an_update_has_the_same_examples_however_it_is_cut(mldoc, layout, tokens):
    whole = module(mldoc, layout, batch_size=7).train_dataloader()
    cut = module(mldoc, layout, batch_size=7, tokens=tokens).train_dataloader()
    for ((together,), *_), (parts, *_) in zip(whole, cut, strict=True):
        assert [place for part in parts for place in part.examples] == together.examples
        assert len(parts) > 1 or together.subwords.input_ids.numel() <= tokens
        for part in parts:
            assert part.subwords.input_ids.numel() <= tokens or len(part.examples) == 1
            assert part.subwords.attention_mask[-1].all()  # no wider than its longest


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 300))
def test_a_budget_is_kept_and_used(lengths, tokens):
    batches = [batch.tolist() for batch in within_budget(lengths, tokens)]
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    sizes = [[lengths[place] for place in batch] for batch in batches]
    assert [one for batch in sizes for one in batch] == sorted(lengths)
    assert all(len(one) == 1 or len(one) * one[-1] <= tokens for one in sizes)
    for one, following in itertools.pairwise(sizes):
        assert (len(one) + 1) * following[0] > tokens


@given(LENGTHS, st.integers(1, 9), st.integers(0, 3), st.data())
def test_a_shuffled_batch_is_known_by_its_epoch_and_place(lengths, size, epoch, data):
    one, other = (ShuffledBatches(lengths, size, seed=3) for _ in range(2))
    one.set_epoch(epoch)
    whole = [key.rows.tolist() for key in one]
    for place in data.draw(st.permutations(range(len(whole)))):
        other.key(epoch + place % 2, place)  # whatever was asked before
        assert other.key(epoch, place).rows.tolist() == whole[place]
    assert all([lengths[place] for place in batch] == sorted(lengths[place] for place in batch) for batch in whole)


@pytest.mark.parametrize(("count", "size"), [(3, 8), (8, 8), (9, 8), (100, 7), (5, 1)])
def test_shuffled_batches_leave_nothing_out(count, size):
    lengths = [5 + place % 13 for place in range(count)]
    batches = [key.rows for key in ShuffledBatches(lengths, size, seed=1)]
    assert len(batches) == len(ShuffledBatches(lengths, size, seed=1)) == -(-count // size)
    assert sorted(place for batch in batches for place in batch) == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])


def test_training_does_not_depend_on_the_global_generator(mldoc, layout):
    orders = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        loader = module(mldoc, layout).train_dataloader()
        orders.append([part.examples for update in loader for part in update.parts])
    assert orders[0] == orders[1]
