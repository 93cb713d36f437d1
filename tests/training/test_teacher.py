"""A teacher's vectors of English: made once, read by the pairs of every batch, and said in the results."""

import json

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch.nn import functional
from training.toy import aligner, batches, built_by, configured, encoded, folder_of, sentences
from two_ranks import in_ranks
from typed import call

from mlalign.data.token_cache import sentence_key
from mlalign.errors import DataError
from mlalign.models.io import load_encoder
from mlalign.models.sentence_encoder import SentenceEncoder
from mlalign.models.tiny import build_tiny, train_tokenizer

WIDTH = 24


def write_teacher(folder, width=WIDTH, *, unit=False):
    """A random encoder in the form of sentence-transformers."""
    train_tokenizer(sentences(200), 200).save_pretrained(folder / "tokenizer")
    build_tiny(folder, folder / "tokenizer", layers=1, width=width, heads=2, seed=7)
    kinds = ["Transformer", "Pooling", *(["Normalize"] if unit else [])]
    modules = [{"path": f"{n}_{one}" if n else "", "type": f"library.{one}"} for n, one in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return write_teacher(tmp_path_factory.mktemp("teacher"))


def of_distil(toy, teacher, *words):
    return aligner(toy, "method=distil", f"data.teacher={teacher}", "backbone.dropout=0", *words)


def english_of(module, data, batch, key):
    """The texts of a batch by its rows."""
    texts = {sentence_key(one): one for seed in (0, 1) for one in sentences(120, seed=seed)}
    rows = data.trained[key.language][key.rows]
    return [texts[one] for one in data.tables[key.language].source_keys[rows]]


def test_both_languages_learn_what_the_teacher_says_of_the_english_of_each_row(toy, teacher):
    module, data = built_by(of_distil(toy, teacher))
    batch, key = batches(data, 1)[0], data.sampler(1).key(0, 0)
    expected = SentenceEncoder(teacher, "it").encode(english_of(module, data, batch, key)).vectors
    torch.testing.assert_close(batch.teacher, expected, atol=1e-3, rtol=0)
    seen, objective = encoded(module, batch), module.objectives["distillation"]
    sides = [objective.dense(side.vector()) for side in seen.pair("clean").sides]
    loss = sum(functional.mse_loss(one, batch.teacher) for one in sides)
    torch.testing.assert_close(objective(seen), loss)
    assert not module.companions
    loss.backward()
    assert all(one.grad is not None and one.grad.any() for one in objective.dense.parameters())


def test_vectors_of_the_same_width_are_learned_as_they_are(toy, tmp_path):
    module, _ = built_by(of_distil(toy, write_teacher(tmp_path, 32)))
    assert not list(module.objectives.parameters())
    assert not module.objectives["distillation"].doubts


def rows_of_rank(toy, teacher):
    _, data = built_by(of_distil(toy, teacher))
    return batches(data, 1)[0].teacher.numpy()


@pytest.mark.long  # views are shared out in tests/training/test_views.py
def test_two_ranks_have_the_rows_of_one(toy, teacher, tmp_path):
    whole = rows_of_rank(toy, teacher)
    halves = in_ranks(2, tmp_path, rows_of_rank, toy, teacher)
    np.testing.assert_array_equal(np.concatenate(halves), whole)


def test_an_encoder_is_known_by_the_content_of_its_teacher(toy, teacher, tmp_path):
    plain = aligner(toy, "method=distil").recipe
    assert "teacher" not in plain
    with_one, same = of_distil(toy, teacher).recipe, of_distil(toy, write_teacher(tmp_path / "copy")).recipe
    assert with_one == same != plain
    assert set(with_one["teacher"]) >= {"config.json", "model.safetensors", "1_Pooling/config.json"}
    other = write_teacher(tmp_path / "other", unit=True)
    assert of_distil(toy, other).recipe != with_one
    assert aligner(toy, f"data.teacher={teacher}").recipe == aligner(toy).recipe  # nothing reads it


def test_unit_vectors_are_warned_of_where_their_numbers_are_compared(toy, tmp_path):
    unit = write_teacher(tmp_path / "unit", unit=True)
    for distance, warns in (("mse", True), ("cosine", False)):
        stage = of_distil(toy, unit, f"losses.distillation.distance={distance}", "align.steps=2")
        folder = folder_of(stage)
        warnings = load_recipe(folder)["warnings"]
        assert any("all vectors of data.teacher have norm 1" in one for one in warnings) == warns
        encoder, _ = load_encoder(folder, attention="eager")
        assert encoder.dim == 32


def load_recipe(folder):
    return OmegaConf.to_container(OmegaConf.load(folder / "alignment.yaml"))


def test_results_say_who_taught_and_what_it_cost(toy, teacher, tmp_path):
    words = (
        "backbone=tiny", "backbone.width=32", "backbone.layers=1", "backbone.heads=2", "backbone.vocabulary_size=300",
        "data=files", "data.parallel=[toy]", "data.held_out=12", "align.steps=2", "align.batch_size=8",
        "align.max_length=32", "finetune.epochs=1", "finetune.max_length=32", "trainer=cpu", "trainer.progress=false",
        "task=mldoc", "task.languages=[en,de]", "method=distil",
    )  # fmt: skip
    ended = call(
        "train.py", [*words, f"data.root={toy}", f"data.cache={tmp_path}/cache", f"data.teacher={teacher}"], tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("outputs/mldoc/*/results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert f"a teacher: {teacher.name}" in results["reads"]
    assert not any("distillation" in one for one in results["notes"])
    cost = results["budget"]["stages"]["teacher"]
    texts = {one for seed in (0, 1) for one in sentences(120, seed=seed)}
    lengths = SentenceEncoder(teacher, "it").encode(sorted(texts)).lengths
    assert cost["sentences"] == len(texts)
    assert cost["tokens"] == round(int(lengths.sum()) / 3)
    assert cost["flops"] > 0
    assert len(list((tmp_path / "cache" / "teachers").glob("*/vectors.npy"))) == 1


def test_a_teacher_that_is_not_there_is_refused_before_anything_is_loaded(toy, tmp_path):
    with pytest.raises(DataError, match=r"data\.teacher=.*nowhere: no config\.json there"):
        configured(toy, "method=distil", f"data.teacher={tmp_path}/nowhere")
