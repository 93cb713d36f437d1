"""What an alignment reports of its steps and of held-out pairs."""

import math

import pytest
import torch
from torch.utils.data import DataLoader
from training.alignments import aligned
from training.toy import Memory, batches, built, fitted, trainer
from training.tuned import fitted as fitted_task
from training.tuned import tuned

from mlalign.alignment import module as alignment
from mlalign.errors import TrainingError
from mlalign.losses import clamped_entries

# What is reported


def test_what_is_reported_is_read_beside_what_it_means(toy, tmp_path):
    memory = aligned(toy, tmp_path, "align.steps=12", curves=2)
    reports = {step: told for step, told in memory.told if "align/in_batch_accuracy" in told}
    assert list(reports) == [0, 10]
    for told in reports.values():
        assert told["align/discriminator/chance"] == math.log(2)
        for name in (
            "adversarial", "discriminator", "inter_sentence", "intra_sentence",
            "masked_words", "word_distribution",
        ):  # fmt: skip
            assert told[f"align/loss/{name}"] >= 0
        assert {name for name in told if name.startswith("align/weight/")} == {
            f"align/weight/{name}" for name in ("inter_sentence", "intra_sentence", "masked_words", "word_distribution")
        }
        assert 0 <= told["align/in_batch_accuracy"] <= 100
    assert reports[0]["align/weight/inter_sentence"] == 1
    curves = [(step, told) for step, told in memory.told if "held_out/retrieval/mean" in told]
    assert [step for step, _ in curves] == [5, 11]
    for _, told in curves:
        both = (told["held_out/retrieval/de"] + told["held_out/retrieval/fr"]) / 2
        assert told["held_out/retrieval/mean"] == pytest.approx(both)
    # The losses are those of that batch, before any weight: the first one's, made again.
    module, data = built(toy, "align.steps=12")
    found = {}
    module.report = lambda pair, losses, place: found.update(losses)
    fitted(module, batches(data, 1), tmp_path)
    for name, loss in found.items():
        assert reports[0][f"align/loss/{name}"] == pytest.approx(loss.item()), name


def test_a_report_is_told_once(toy, tmp_path):
    memory = aligned(toy, tmp_path, "align.steps=12", curves=1)
    assert [step for step, told in memory.told if "align/in_batch_accuracy" in told] == [0, 10]


def test_between_reports_the_host_waits_for_no_number_of_the_bar(toy, tmp_path):
    """What is logged with ``prog_bar`` Lightning reads from the device after every batch."""
    module, data = built(toy, "align.steps=12")
    loop = trainer(tmp_path, max_epochs=1)
    loop.fit(module, data)
    assert module.shown.keys() == {"in_batch", "held_out"}
    assert loop.progress_bar_metrics == {}
    module, data = tuned(toy)
    loop = fitted_task(module, data, tmp_path)
    assert module.shown.keys() == {"finetune/loss"}
    assert loop.progress_bar_metrics == {}


def test_a_run_that_breaks_ends_at_once(toy, tmp_path):
    module, data = built(toy, "align.steps=21", "ablation=no_word")
    with torch.no_grad():
        module.encoder.sentence_fusion.gate.fill_(math.nan)
    with pytest.raises(TrainingError, match="loss/inter_sentence is non-finite since update 0"):
        fitted(module, batches(data, 21), tmp_path)


def test_health_holds_the_last_report_against_the_held_out_pairs(toy, tmp_path, monkeypatch):
    seen: list[tuple[float, dict[str, float]]] = []
    monkeypatch.setattr(
        alignment.Diagnostics,
        "compare",
        lambda diagnostics, measures: seen.append((diagnostics._in_batch, measures)),
    )
    memory = aligned(toy, tmp_path, "align.steps=12", curves=2)
    reported = [one["align/in_batch_accuracy"] for _, one in memory.told if "epoch" not in one]
    curves = [one for _, one in memory.told if "held_out/retrieval/mean" in one]
    assert [in_batch for in_batch, _ in seen] == reported
    for (_, measures), told in zip(seen, curves, strict=True):
        assert {name: told[f"held_out/{name}"] for name in measures} == pytest.approx(measures)
    _, data = built(toy, "align.steps=12")
    assert {measures["chance"] for _, measures in seen} == {100 / len(data.kept_out["fr"])}


def test_every_curve_point_has_all_measures(toy, tmp_path):
    memory = aligned(toy, tmp_path, "align.steps=12", curves=2)
    curves = [one for _, one in memory.told if "held_out/retrieval/mean" in one]
    for name in ("to_target", "to_source", "similarity", "alignment", "uniformity"):
        for language in ("de", "fr", "mean"):
            assert math.isfinite(curves[-1][f"held_out/{name}/{language}"]), name
    assert math.isfinite(curves[-1]["held_out/prototype_cosine/de"])
    both = (curves[-1]["held_out/to_target/de"] + curves[-1]["held_out/to_source/de"]) / 2
    assert curves[-1]["held_out/retrieval/de"] == pytest.approx(both)
    reports = [one for _, one in memory.told if "align/in_batch_accuracy" in one]
    assert all(0 <= one["align/clamped_share"] <= 100 for one in reports)


def test_the_share_of_clamped_entries_is_counted(toy):
    module, data = built(toy, "losses.intra_sentence.temperature=0.00001")
    read = batches(data, 1)[0]
    batch = module.encode(read, read.views)
    pair, size = batch.first, len(batch.same)
    counted = clamped_entries(pair.source.sentence, pair.target.sentence, similarity="cosine", temperature=0.00001)
    assert counted > 0
    measured = module.objectives["intra_sentence"].measures(batch)
    assert measured == {"clamped_share": pytest.approx(100 * counted / size**2)}


def test_speed_counts_only_what_was_done_since_the_last_report(toy, tmp_path):
    module, data = built(toy, "align.steps=40")
    memory = Memory()
    loop = trainer(tmp_path, loggers=[memory], max_epochs=1)
    late = [batch for batch in batches(data, 31) if batch.place in (20, 30)]  # a resumed run
    loop.fit(module, DataLoader(late, batch_size=None, collate_fn=lambda batch: batch))
    told = [told.get("align/pairs_per_second") for _, told in memory.told]
    assert told[0] is None
    assert told[1] > 0


def test_curves_score_pairs_that_are_never_trained_on(toy):
    _, data = built(toy, "align.steps=40")
    held = {(batch.language, key) for batch in data.val_dataloader() for key in batch.source_keys.tolist()}
    trained = {
        (language, key)
        for language, rows in data.trained.items()
        for key in data.tables[language].source_keys[rows].tolist()
    }
    assert held
    assert not held & trained
