"""Word vectors from running text: windows, training, and both ways into one space."""

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from training.toy import configured, write_toy

from mlalign.config.schema import Vectors
from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import ConfigError, DataError
from mlalign.models.backbone import known_languages
from mlalign.models.io import RECIPE, load_encoder
from mlalign.stages.cbow import Cbow, RunningText, Windows, WindowSampler, train_cbow
from mlalign.stages.chain import encoder_folders
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.word_vectors import VectorStage

TEXT = RunningText(
    rows=np.array([1, 2, 3, 1, 2, 4, 5, 6, 5, 4]), sentence=np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3]),
    bounds=[(1, 4), (4, 7)],
)  # fmt: skip
SETTINGS = Vectors(dim=4, window=2, negatives=3, epochs=2, batch_size=4, subsample=None)
NONE = np.zeros((0, 7, 0), np.int64)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("toy"))


def model(units=None, regularisation=0.0):
    units = torch.arange(7)[:, None] if units is None else units
    return Cbow(units, 4, regularisation=regularisation, generator=torch.Generator().manual_seed(0))


def test_a_window_holds_the_neighbours_in_its_sentence_and_words_of_its_language():
    sampler = WindowSampler(TEXT, SETTINGS, NONE, seed=1)
    sentences = [{1, 2, 3}, {1, 2}, {4, 5, 6}, {4, 5}]
    seen = [batch for number in range(20) for batch in sampler.epoch(number)]
    for batch in seen:
        for context, centre, negative in zip(batch.context, batch.centre, batch.negative, strict=True):
            words = {int(one) for one in context if one}
            assert any(words | {int(centre)} <= sentence for sentence in sentences)
            assert {int(one) > 3 for one in negative} == {int(centre) > 3}
    assert {int(one) for batch in seen for one in batch.context.flatten()} == set(range(7))
    for number in range(20):  # every position once
        assert sum(len(batch.centre) for batch in sampler.epoch(number)) == len(TEXT.rows)


def test_an_epoch_is_a_function_of_the_seed_and_its_number():
    def words(seed, number):
        return [batch.centre.tolist() for batch in WindowSampler(TEXT, SETTINGS, NONE, seed=seed).epoch(number)]

    assert words(1, 0) == words(1, 0)
    assert len({str(words(*one)) for one in ((1, 0), (1, 1), (2, 0))}) == 3


def test_the_gradient_of_a_window_is_that_of_the_formula():
    units = torch.tensor([[0, 0], [1, 7], [2, 7], [3, 8], [4, 0], [5, 0], [6, 0]])
    made = model(units, regularisation=0.1).double()
    torch.nn.init.normal_(made.told.weight, generator=torch.Generator().manual_seed(1))
    batch = Windows(
        torch.tensor([[1, 3, 0]]), torch.tensor([2]), torch.tensor([[1, 3]]), torch.tensor([[4, 6, 0]])
    )  # fmt: skip
    v, u = (one.weight.detach().clone().requires_grad_() for one in (made.read, made.told))
    of = {1: (v[1] + v[7]) / 2, 2: (v[2] + v[7]) / 2, 3: (v[3] + v[8]) / 2}
    h = (of[1] + of[3]) / 2
    nearest = max((4, 6), key=lambda row: torch.cosine_similarity(u[row], h, dim=0).item())
    sigma = torch.sigmoid
    expected = -(sigma(u[2] @ h).log() + sigma(u[nearest] @ h).log())
    expected = expected - sigma(-(u[1] @ h)).log() - sigma(-(u[3] @ h)).log()
    expected = expected + 0.1 * ((u[2] - of[2]) ** 2).sum()
    loss = made(batch)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    for found, gradient in zip((made.read, made.told), torch.autograd.grad(expected, (v, u)), strict=True):
        torch.testing.assert_close(found.weight.grad.to_dense(), gradient)


def test_joint_training_with_an_empty_dictionary_is_plain_cbow():
    trained = []
    for translations in (NONE, np.zeros((2, 7, 3), np.int64)):
        made = model()
        train_cbow(made, WindowSampler(TEXT, SETTINGS, translations, seed=1), range(2))
        trained.append(made)
    for one, other in zip(*(made.parameters() for made in trained), strict=True):
        assert one.equal(other)


def test_a_language_is_learned_as_if_it_were_alone_but_for_the_batches():
    """One window a batch: what the other language's windows do then reaches no vector of this one."""
    text = RunningText(TEXT.rows[:5], TEXT.sentence[:5], TEXT.bounds)
    made = model()
    before = made.read.weight.detach().clone()
    train_cbow(made, WindowSampler(text, SETTINGS, NONE, seed=1), range(2))
    assert made.read.weight[4:].equal(before[4:])
    assert not made.read.weight[1:4].equal(before[1:4])


def stage(root, *overrides):
    config = configured(
        root, "method=multi_cca", "vectors.dim=4", "vectors.epochs=2", "vectors.min_count=1", "data.lexicon=induced",
        *overrides,
    )  # fmt: skip
    return VectorStage(config, ParallelText(config), None, None, precision="32-true")


def made(root, folder, *overrides):
    (found,) = encoder_folders([stage(root, *overrides)], folder, resume=True)
    return found, *load_encoder(found, attention="eager")


def test_english_is_unchanged_to_the_bit_by_the_map_and_the_others_are_not(toy, tmp_path, monkeypatch):
    _, mapped, _ = made(toy, tmp_path)
    monkeypatch.setattr(VectorStage, "_mapped", lambda self, vectors, *rest: vectors)
    _, plain, _ = made(toy, tmp_path / "plain")
    for number, language in enumerate(mapped.languages):
        rows = mapped.words[number][mapped.words[number] > 0].long()
        assert len(rows) > 5
        same = mapped.vectors.weight[rows].equal(plain.vectors.weight[rows])
        assert same == (language == "en")


def test_the_folder_says_how_it_was_made(toy, tmp_path):
    folder, encoder, _ = made(toy, tmp_path)
    recipe = OmegaConf.load(folder / RECIPE)
    assert recipe.encoder.kind == "words"
    assert recipe.encoder.languages[0] == "en"
    assert recipe.recipe.settings["vectors.dim"] == encoder.dim == 4
    (note,) = recipe.notes
    assert note.startswith("multi_cca: vectors of ")


def test_joint_vectors_represent_unseen_words(toy, tmp_path):
    _, encoder, tokenizer = made(toy, tmp_path, "vectors.form=joint_subword")
    layout = SequenceBuilder(tokenizer, known_languages(tokenizer, encoder.languages), max_length=32)
    inside = next(piece for piece in tokenizer.get_vocab() if piece.startswith("##") and len(piece) == 5)
    language = encoder.languages[int((encoder.pieces[:, tokenizer.get_vocab()[inside]] > 0).int().argmax())]
    unseen = f"{inside[2:]}{inside[2:]}"
    batch = layout.batch([layout.single(layout.words([unseen])[0], language)])
    assert tokenizer.unk_token_id not in batch.input_ids
    assert encoder.represent(batch, partner=None, representation="backbone").sentence.any()


def test_vectors_are_known_by_their_settings_text_and_dictionary_and_by_no_backbone(toy):
    first = stage(toy).recipe
    assert stage(toy, "backbone.layers=2", "finetune.epochs=3").recipe == first
    assert stage(toy, "vectors.window=3").recipe != first
    assert set(first["settings"]) >= {f"vectors.{name}" for name in vars(Vectors()) if name != "_frozen"}


def test_a_missing_dictionary_is_refused_by_its_key_and_file(toy, tmp_path):
    def required(*overrides):
        config = configured(toy, "method=multi_cca", *overrides)
        VectorStage.require(config, ParallelText(config))

    with pytest.raises(ConfigError, match=r"method\.stages=\[vectors\] reads a dictionary, and data\.lexicon=null"):
        required("data.lexicon=null")
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        required(f"data.lexicon={tmp_path / 'nowhere.txt'}")
    (tmp_path / "en-xx.txt").write_text("cat\tkatze\n")
    with pytest.raises(DataError, match=r"data\.lexicon=.*en-xx\.txt: .*needs a dictionary of English with "):
        required(f"data.lexicon={tmp_path / 'en-xx.txt'}")
    with pytest.raises(ConfigError, match=r"set method\.stages=\[vectors\]"):
        configured(toy, "method=multi_cca", "method.stages=[vectors,vectors]")
    with pytest.raises(ConfigError, match=r"method\.language_tokens=true"):
        configured(toy, "method=multi_cca", "method.language_tokens=false")


def test_a_dictionary_with_too_few_words_of_the_text_is_refused(toy, tmp_path):
    with pytest.raises(DataError, match=r"data\.lexicon=induced: \d+ of its pairs .* vectors\.dim=3000"):
        encoder_folders([stage(toy, "vectors.dim=3000", "vectors.epochs=1")], tmp_path, resume=True)
