"""``dry_run=true`` says what a run would read, train and write, refuses what it would refuse, and leaves nothing."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_configs import composed
from training.toy import SMALL, built, cipher, configured, sentences, write_toy
from training.tuned import tuned
from typed import call

from mlalign.alignment.budget import spent_by
from mlalign.commands import dry_run
from mlalign.config.hydra import is_dry
from mlalign.cost import FORWARD, matrix_entries, read_operations
from mlalign.data.token_cache import Tokenised
from mlalign.errors import DataError
from mlalign.pricing import text
from mlalign.pricing.device import sheet_of
from mlalign.pricing.price import Price, alignment_name, price
from mlalign.pricing.stages import StagePrice, evaluations
from mlalign.pricing.words import amount, duration, size

DRY = [
    "dry_run=true",
    *SMALL,
    "data.root=data",
    "finetune.epochs=1",
    "finetune.evaluations=1",
    "finetune.max_length=32",
]
LINES = ("dry run", "device", "read", "align", "fine-tune", "score", "disk", "total")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture
def work(toy, tmp_path):
    shutil.copytree(toy, tmp_path / "data")
    return tmp_path


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def test_it_names_every_part_and_writes_nothing(work):
    before = tree(work)
    ended = call("train.py", DRY, work)
    assert ended.returncode == 0, ended.stderr
    assert tree(work) == before
    found = ended.stdout
    assert [line for line in LINES if not re.search(rf"^{line} ", found, re.MULTILINE)] == []
    assert "de 120, fr 120 pairs" in found
    assert "4 steps of 8 pairs" in found
    assert "train 40, dev 12" in found
    assert "en 10, de 10, fr 10" in found
    assert "prediction=pooled" not in found  # the vocabulary is small


def test_what_the_run_has_made_is_found_and_costs_nothing(work):
    dry = [*DRY[1:], "finetune.batch_size=8", "finetune.evaluations=3"]  # of 5 updates
    assert call("train.py", dry, work).returncode == 0
    (metrics,) = work.glob("outputs/mldoc/*/metrics.jsonl")
    reports = map(json.loads, metrics.read_text().splitlines())
    assert sum("finetune/dev" in one for one in reports) == evaluations(5, 3) == 5
    before = tree(work)
    found = call("train.py", ["dry_run=true", *dry], work).stdout
    assert "this run is finished, and costs nothing" in found
    assert found.splitlines()[-1] == "total     0 s"
    other_task = call("train.py", [*DRY, "task=panx", "task.languages=[en,de]"], work).stdout
    assert "the aligned encoder is there, and costs nothing" in other_task
    assert not re.search("^align ", other_task, re.MULTILINE)
    again = call("train.py", [*DRY, "resume=false"], work).stdout
    assert re.search("^align ", again, re.MULTILINE)
    assert tree(work) == before


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda root: (root / "parallel/toy/en-fr.tsv").open("a").write("no tab here\n"),
            r"en-fr.tsv, line 121: expected 2 tab-separated fields",
        ),
        (lambda root: (root / "tasks/mldoc/german.test").unlink(), "german.test"),
        (
            lambda root: (root / "tasks/mldoc/english.train.1000.german").write_text("CCAT\ttext\n" * 40),
            "german: all 40 entries have the same label",
        ),
        (lambda root: (root / "tasks/mldoc/french.test").write_text("XCAT\ttext\n"), "XCAT"),
    ],
)
def test_what_the_run_would_refuse_is_refused(break_it, message, work):
    break_it(work / "data")
    reading = ["tuning=translate_train", "tuning.translate_train.languages=[de]"]
    ended = call("train.py", [*DRY, "card=h100", "task.languages=[en,de,fr]", *reading], work)
    assert ended.returncode == 2
    assert re.search(message, ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_sweep_has_a_line_for_each_run_and_a_total_that_makes_each_alignment_once(work):
    before = tree(work)
    words = [*DRY, "-m", "seed=1,2", "align.seed=1", "card=h100"]
    ended = call("train.py", words, work)
    assert ended.returncode == 0, ended.stderr
    rows = [line for line in ended.stdout.splitlines() if line.startswith("| ") and "seed=" in line]
    assert [row.split(" | ")[1] for row in rows] == ["h100", "h100"]
    assert "total     2 runs" in ended.stdout
    assert tree(work) == before


def test_the_total_makes_an_alignment_that_runs_share_once(capsys, monkeypatch):
    sheet = sheet_of(composed("backbone=xlmr", "data=hub", "dry_run=true", "card=h100"))

    def of(alignment):
        stages = [StagePrice(name, "", 0, 0, hours * 3600, 0) for name, hours in (("align", 1), ("fine-tune", 0.5))]
        return Price(Path("run"), sheet, stages, None, 0, 0, [], ["text"], [], [], alignment)

    monkeypatch.setattr(dry_run, "_priced", [of("one"), of("one"), of("other")])
    dry_run.total()
    said = "total     3 runs on h100: 3.5 h, what runs share made once"
    assert capsys.readouterr().out == f"\n{said}\nmissing   text\n"
    elsewhere = replace(of("one"), device=replace(sheet, name="other"), longest=5 * 3600)
    monkeypatch.setattr(dry_run, "_priced", [of("one"), of("one"), elsewhere, elsewhere])
    dry_run.total()
    said = capsys.readouterr().out
    assert "2 runs on h100: 2.0 h, what" in said
    assert "2 runs on other: 2.0 h to 5.5 h, what" in said
    in_part = replace(of("one"), left_out=["trees"])
    assert "| in part | h100 | 1.5 h and more | 0 KiB" in dry_run.row(in_part, "in part")
    monkeypatch.setattr(dry_run, "_priced", [of("one"), in_part])
    dry_run.total()
    said = capsys.readouterr().out
    assert "2 runs on h100: 2.0 h and more," in said
    assert "\nnote      not in the price: trees\n" in said


def test_a_run_of_a_sweep_that_is_refused_is_named_and_the_others_are_priced(work):
    before = tree(work)
    ended = call("train.py", [*DRY, "card=h100", "-m", "data.parallel=[toy],[nowhere]"], work)
    assert ended.returncode == 2, ended.stdout
    assert "total     1 run on h100:" in ended.stdout, ended.stdout + ended.stderr
    assert "data.parallel=[nowhere]" in ended.stderr
    assert tree(work) == before


def test_a_row_of_the_paper_is_priced_without_its_data_and_what_does_not_fit_is_said_with_a_cure(tmp_path):
    words = ["experiment=table4_mbert_ml", "method=multilevel_v1", "dry_run=true", "card=t4"]
    ended = call("train.py", words, tmp_path)
    assert ended.returncode == 0, ended.stderr
    said = ("20,000 steps of 96 pairs", "train 20,000, dev 10,000", "if all sentences were of full length", "ccmatrix")
    cures = ("losses.word_distribution.prediction=pooled", "align does not fit", "gradient_checkpointing=true")
    for part in ("missing   task panx", "missing   parallel text", "missing   backbone google-bert", *said, *cures):
        assert part in ended.stdout
    assert tree(tmp_path) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (duration(0), "0 s"), (duration(0.2), "1 s"), (duration(40), "40 s"), (duration(720), "12 min"),
        (duration(4680), "1.3 h"),
        (duration(3.6e6), "1,000 h"), (size(14 * 2**30), "14.0 GiB"), (size(350 * 2**20), "350 MiB"),
        (size(2048), "2 KiB"), (amount(4.2e15), "4.2e15"), (amount(375469), "375,469"), (amount(1.5e6), "1.5e6"),
    ],
)  # fmt: skip
def test_numbers_are_said_as_people_say_them(said, expected):
    assert said == expected


def priced(toy, scratch, *words):
    config = configured(toy, "dry_run=true", "card=h100", "finetune.max_length=32", *words)
    return {stage.name: stage for stage in price(config, scratch).stages}


@pytest.mark.parametrize("form", ["null", "lora", "bottleneck"])
def test_an_alignment_is_priced_as_its_budget_counts_it_and_what_it_is_validated_on(toy, tmp_path, form):
    words = ("method=inter_sentence", "backbone.layers=2", f"backbone.adapter.form={form}", "align.validations=2")
    words += ("backbone.adapter.size=2",) * (form != "null")
    module, data = built(toy, *words)
    rows = [(data.tables[language], rows) for language, rows in data.kept_out.items()]
    sides = [getattr(table, side)[rows] for table, rows in rows for side in ("source_lengths", "target_lengths")]
    reading = FORWARD * read_operations(
        module.encoder.backbone.base_model, np.concatenate(sides) + data.layout.overhead
    )
    learning = spent_by(module, data).flops
    found = priced(toy, tmp_path, *words)
    assert found["align"].operations == pytest.approx(learning + 2 * reading, rel=1e-4)
    assert found["align"].memory <= priced(toy, tmp_path, *words[:2])["align"].memory
    shape = sum(one.numel() for one in module.encoder.backbone.parameters())
    assert (found["align"].checkpoint < 4 * shape) == (form != "null")


@pytest.mark.parametrize("form", ["null", "lora"])
@pytest.mark.parametrize("order", ["mixed", "after"])
def test_labels_are_priced_as_they_are_learned(toy, tmp_path, form, order):
    few = ("finetune.shots={de: 6}", f"finetune.shots_order={order}", f"backbone.adapter.form={form}")
    words = (
        "method=none",
        "finetune.seed=4",
        "finetune.epochs=2",
        "finetune.evaluations=1",
        "finetune.batch_size=7",
        *few,
    )
    module, data = tuned(toy, *few)
    encoder, lengths = module.encoder.backbone.base_model, data.updates.labelled.lengths
    adapter = matrix_entries(encoder, learned=True) if form == "lora" else 0
    learning = 2 * read_operations(encoder, lengths, frozen=form == "lora", adapter=adapter)
    dev = FORWARD * read_operations(encoder, [one.length for one in data._dev])
    found = priced(toy, tmp_path, *words)
    if order == "mixed":
        assert found["fine-tune"].operations == pytest.approx(learning + dev, rel=1e-4)
        assert found["fine-tune"].what == "14 steps of 7 examples"  # 46 in an epoch
    else:
        both = found["fine-tune"].operations + found["shots"].operations
        assert both == pytest.approx(learning + 2 * dev, rel=1e-4)
        assert (found["fine-tune"].what, found["shots"].what) == ("12 steps of 7 examples", "2 steps of 7 examples")


@pytest.mark.parametrize(
    ("tuning", "passes", "left_out"),
    [
        ("consistency", 2.0, []),
        ("model_consistency", 5 / 3, []),
        ("xero_align", 3.0, []),
        ("self_training", 1.0, ["what tuning=self_training reads and predicts besides labels"]),
    ],
)
def test_what_a_tuning_reads_beside_the_rows_is_priced_or_said(toy, tmp_path, tuning, passes, left_out):
    words = ("method=none", "finetune.epochs=2", "finetune.evaluations=1", "data.lexicon=induced", "dry_run=true")
    plain, more = (price(configured(toy, *words, "card=h100", f"tuning={one}"), tmp_path) for one in ("none", tuning))
    learned = (more.stages[0].operations - plain.stages[0].operations) / plain.stages[0].operations
    assert learned == pytest.approx(passes - 1, abs=0.2)  # dev is read no more often
    assert (more.stages[0].memory > plain.stages[0].memory) == ("consistency" in tuning)
    assert more.left_out == left_out


def test_what_is_frozen_is_read_alone(toy, tmp_path):
    whole, frozen = (priced(toy, tmp_path, "method=none", f"finetune.freeze={one}") for one in ("nothing", "encoder"))
    assert frozen["fine-tune"].operations < 0.4 * whole["fine-tune"].operations
    assert frozen["fine-tune"].memory < whole["fine-tune"].memory
    assert frozen["score"] == whole["score"]


def test_an_alignment_whose_batches_come_in_pieces_holds_one_and_reads_it_again(toy, tmp_path):
    words = ("method=inter_sentence", "align.max_length=16", "align.validations=1", "data.held_out=0")
    whole, cached = (priced(toy, tmp_path, *words, f"align.cached={one}")["align"] for one in ("null", 2))
    assert cached.operations == pytest.approx(4 / 3 * whole.operations, rel=1e-3)
    assert cached.memory < whole.memory


def test_a_batch_may_be_larger_than_the_sample(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "SAMPLE", 5)
    assert "4 steps of 8 pairs" in priced(toy, tmp_path, "method=inter_sentence")["align"].what


def test_pairs_beyond_the_sample_are_as_many_as_the_filters_leave_of_it(toy, tmp_path):
    here = text.SampledText(configured(toy, "method=inter_sentence"), tmp_path)
    empty = np.zeros(5, np.int32)
    dropped = {"too short": 2, "beyond data.max_pairs": 3}
    tables = {one: Tokenised(one, range(5), empty, empty, empty, dropped, {}) for one in here.languages}
    assert here.pairs(tables) == {one: round(0.8 * lines) for one, lines in here.lines.items()}
    here.lines = dict.fromkeys(here.languages, 9)  # a line beside was none
    assert here.pairs(tables) == dict.fromkeys(here.languages, 8)


def test_runs_share_an_alignment_only_where_it_reads_the_same(toy):
    def name(*words):
        return alignment_name(configured(toy, "method=inter_sentence", "align.seed=1", *words))

    adapted = ("backbone.adapter.form=lora", "backbone.adapter.stages=[finetune]")
    assert name() == name("seed=2") == name("finetune.shots={de: 3}") == name(*adapted)
    for other in ("data.languages=[de]", "backbone.adapter.form=lora", "align.batch_size=4"):
        assert name(other) != name()


@pytest.mark.parametrize("links", ["encoder", "ibm1"])
def test_links_are_not_looked_for(toy, tmp_path, monkeypatch, links):
    monkeypatch.setattr("mlalign.stages.align.linked_by", pytest.fail)
    monkeypatch.setattr("mlalign.stages.parallel_text.model1_links", pytest.fail)
    words = ("method=none", "method.stages=[align]", "losses=[word_links]", f"data.links={links}")
    found = price(configured(toy, "dry_run=true", *words), tmp_path)  # steps of this machine learn from others
    assert [one.name for one in found.stages[:-2]] == ["links"] * (links == "encoder") + ["align"]
    assert found.left_out == ["what data.links takes once"] * (links == "ibm1")


def test_pairs_of_a_test_are_refused_with_any_pivot(toy, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(toy, root)
    (root / "retrieval" / "tatoeba-v1").mkdir(parents=True)
    lines = [f"{one}\t{cipher(one, 'de')}\n" for one in sentences(20, seed=0)]  # of the corpus
    (root / "retrieval" / "tatoeba-v1" / "en-de.tsv").write_text("".join(lines), encoding="utf-8")
    words = ("task=tatoeba_retrieval", "task.languages=[de]", "data.pivot=de", "method=inter_sentence")
    with pytest.raises(DataError, match="20 of its 20 pairs stand in"):
        priced(root, tmp_path, *words)


def of_the_hub(scratch, *words):
    return price(composed("backbone=mbert", "data=hub", "dry_run=true", "card=h100", *words), scratch)


def test_what_nobody_says_the_size_of_is_left_out_and_said(tmp_path):
    found = of_the_hub(tmp_path, "method=none", "task=mldoc")
    assert [stage.name for stage in found.stages] == ["fine-tune"]
    assert found.left_out == ["conf/task does not say how many there are: the languages"]
    assert " and more |" in dry_run.row(found, "")
    assert of_the_hub(tmp_path, "method=none", "task=tatopara").stages == []


def test_what_is_not_fetched_yet_is_priced_as_it_will_be_learned(tmp_path):
    capped = of_the_hub(tmp_path, "method=none", "task=panx", "task.max_train=64", "task.max_test=10")
    assert "panx: en: train 64, dev 10,000" in capped.reads
    assert capped.stages[1].what == "400 texts in 40 languages"
    trial = of_the_hub(tmp_path, "method=none", "task=panx", "trial=1", "method.tunes=[finetune.learning_rate]")
    assert trial.stages[1].what == "10,000 texts in 1 language"
    both = of_the_hub(tmp_path, "method=none", "task=tatoeba_retrieval", "task.languages=[de]")
    assert both.stages[0].what == "2,000 texts in 1 language"  # English, and German
    losses = ("method=none", "method.stages=[align]", "losses=[word_links,dict_mlm]", "data.languages=[de]")
    read = ("data.links=ibm1", "data.lexicon=induced", "align.steps=2", "align.batch_size=4", "task=pawsx")
    assert of_the_hub(tmp_path, *losses, *read).stages[0].what == "2 steps of 4 pairs"


def test_whatever_is_true_asks_for_a_price():
    assert all(is_dry(["-m", f"{word}"]) for word in ("dry_run=true", "dry_run=on", "++dry_run=1", "dry_run=Yes"))
    assert not is_dry(["dry_run=false", "seed=1"])
