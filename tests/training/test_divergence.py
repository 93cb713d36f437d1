"""A diverged run ends with its cause; gradients are clipped after un-scaling, whatever steps."""

import json
import math
from dataclasses import replace
from pathlib import Path

import lightning as L
import pytest
import torch
from torch import distributed
from training.learned import task
from training.toy import batches, built, cipher, configured, fitted, trainer
from training.tuned import tuned
from two_ranks import in_ranks

from mlalign.alignment.masked_side import MaskedSideModule
from mlalign.distributed import rank
from mlalign.errors import TrainingError
from mlalign.models.finite import non_finite_weights
from mlalign.tasks.scoring import score_part
from mlalign.training.clipping import clip_gradients
from mlalign.training.divergence import FILE, DivergenceMonitor, Learned


def test_the_first_update_and_the_first_name_are_told():
    monitor = DivergenceMonitor("align")
    for step in range(6):
        one, two = (math.nan if step > 3 else 1.0), (math.inf if step == 2 else 1.0)
        monitor.watch(step, {"loss/a": torch.tensor(one), "loss/b": torch.tensor(two)})
        if step < 2:
            monitor.check()
    with pytest.raises(TrainingError, match="align: loss/b is non-finite since update 2"):
        monitor.check()


def poisoned(module: L.LightningModule, step: int) -> None:
    """From this update on the encoder's first layer gives NaN."""

    def poison(layer, _, states):
        return states * math.nan if module.global_step >= step else states

    module.encoder.backbone.base_model.embeddings.register_forward_hook(poison)


def test_a_diverged_alignment_ends_and_leaves_no_checkpoint(toy, tmp_path):
    for steps, since in ((12, 3), (4, 2)):  # at a report, and where a checkpoint is asked for
        module, data = built(toy, f"align.steps={steps}")
        poisoned(module, since)
        with pytest.raises(TrainingError, match=f"align: loss/.* non-finite since update {since}"):
            fitted(module, batches(data, steps), tmp_path)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_diverged_fine_tuning_is_not_scored(toy, tmp_path):
    module, data = task(toy)
    poisoned(module, 1)
    with pytest.raises(TrainingError, match="finetune: loss is non-finite since update 1"):
        trainer(tmp_path, max_epochs=2).fit(module, data)


def test_the_pairs_of_the_first_bad_update_are_named_and_kept(toy, tmp_path):
    """By file and line, whatever was left out before them; what is kept is that batch and no other."""
    module, data = built(toy, "align.steps=12")
    poisoned(module, 3)
    with pytest.raises(TrainingError, match=r"since update 3, which learned from 8 rows in (de|fr) \(.*, line \d+; .*"):
        trainer(tmp_path, max_epochs=1).fit(module, data)
    kept = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert (kept["stage"], kept["update"], kept["what"].partition("/")[0]) == ("align", 3, "loss")
    batch = batches(data, 4)[3]
    assert {row["language"] for row in kept["rows"]} == {batch.languages[1]}
    table = data.tables[batch.languages[1]]
    ids = [table.take([row])["target"].to_pylist()[0] for row in batch.rows]
    assert [data.layout.words([row["other"]])[0] for row in kept["rows"]] == ids
    for row in kept["rows"]:
        line = Path(row["file"]).read_text(encoding="utf-8").splitlines()[row["line"] - 1]
        assert line == f"{row['english']}\t{row['other']}"


def test_the_pairs_of_masked_words_of_one_side_are_named(toy, tmp_path):
    module, data = built(toy, "method=mlm")
    config, parameters = configured(toy).align, [one for one in module.encoder.parameters() if one.requires_grad]
    side = MaskedSideModule(
        module.encoder, len(module.head), config, side="target", language="de",
        groups=[{"params": parameters, "lr": 1e-3}], steps=4, fixed=torch.tensor([0]),
    )  # fmt: skip
    poisoned(side, 1)
    trainer(tmp_path, max_epochs=1).fit(side, data.train_dataloader())
    with pytest.raises(TrainingError, match=r"since update 1, which learned from 8 rows in (de|fr) \(.*, line \d+; .*"):
        side.divergence.check()


def test_pairs_of_a_file_that_has_changed_go_by_their_rows(toy):
    _, data = built(toy)
    table = data.tables["de"]
    found = replace(table, files={"gone.tsv": {}, **table.files}).origin([5, 2])
    assert [row["other"] for row in found] == [row["other"] for row in table.origin([5, 2])]
    assert replace(table, files={"gone.tsv": {}}).origin([5, 2]) == [{"id": 5}, {"id": 2}]


def test_the_examples_of_a_bad_update_are_named_by_their_ids(toy, tmp_path):
    module, data = task(toy)
    poisoned(module, 1)
    with pytest.raises(TrainingError, match=r"since update 1, which learned from 8 rows in en \(.*english\.train"):
        trainer(tmp_path, max_epochs=2).fit(module, data)
    rows = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["rows"]
    by_id = {one.id: list(one.texts) for one in data.train.examples}
    assert len({row["id"] for row in rows}) == 8
    assert all(row["texts"] == by_id[row["id"]] for row in rows)


def test_translated_rows_of_a_bad_update_are_named_by_their_ids(toy, tmp_path):
    module, data = tuned(toy, "tuning=translate_train", "tuning.translate_train.share=1")
    poisoned(module, 1)
    with pytest.raises(TrainingError, match=r"since update 1, which learned from \d+ rows in (de|fr)"):
        trainer(tmp_path, max_epochs=2).fit(module, data)
    rows = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["rows"]
    english = {one.id: list(one.texts) for one in data.train.examples}
    assert {row["language"] for row in rows} <= {"de", "fr"}
    for row in rows:
        assert row["texts"] == [cipher(text, row["language"]) for text in english[row["id"]]]
        assert "file" not in row


@pytest.mark.parametrize("name", ["mldoc", "panx"])
def test_outputs_that_are_non_finite_are_no_score(toy, tmp_path, name):
    """Weights can overflow in a forward pass alone, behind the last loss that was finite."""
    module, data = task(toy, name)
    torch.nn.init.constant_(module.head.bias, math.nan)
    part, loader = data.test_loader("de")
    with pytest.raises(TrainingError, match=r"non-finite probabilities in de: of \d+ of"):
        score_part(trainer(tmp_path), module, data.task, part, loader, tmp_path / "de.jsonl", language="de")
    assert not (tmp_path / "de.jsonl").exists()
    with pytest.raises(TrainingError, match="non-finite outputs on the dev part after update 0"):
        trainer(tmp_path).validate(module, data)


def _one_is_sick(folder: Path) -> tuple[str, list[str]]:
    mine = rank()
    described = lambda learned: [{"id": row} for row in learned.rows]  # noqa: E731
    monitor = DivergenceMonitor("finetune", lambda: folder, described)
    for step in range(3):
        value = math.nan if (mine, step) == (1, 1) else 1.0
        monitor.watch(step, {"loss": torch.tensor(value)}, [Learned("en", [10 * step + mine])])
    try:
        monitor.check()
    except TrainingError as error:
        distributed.barrier()
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))["rows"]
        return str(error), [row["id"] for row in kept]
    return "", []


def test_all_ranks_end_when_one_is_sick(tmp_path):
    (one, rows), (two, _) = in_ranks(2, tmp_path / "ranks", _one_is_sick, tmp_path)
    assert one == two
    assert "finetune: loss is non-finite since update 1, which learned from 2 rows in en (row 10; row 11)" in one
    assert rows == [10, 11]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_weights_are_named(value):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    assert non_finite_weights(model) is None
    model[1].running_mean[1] = value
    assert "1 of 6 tensors hold non-finite numbers, 1.running_mean" in non_finite_weights(model)


# Clipping


@pytest.mark.parametrize("limit", [None, 0.25])
def test_what_is_left_of_a_gradient_is_clipped_and_its_norm_is_that_of_before(limit):
    weights, gradient = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)], torch.tensor([3.0, 0.0, -4.0, 0.0])
    for weight, part in zip(weights, gradient.split(2), strict=True):
        weight.grad = part.clone()
    assert float(clip_gradients(weights, limit)) == pytest.approx(5.0)
    expected = gradient if limit is None else gradient * limit / 5.0
    torch.testing.assert_close(torch.cat([weight.grad for weight in weights]), expected, rtol=1e-4, atol=1e-6)
