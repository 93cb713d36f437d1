"""The whole road on small generated data: what a run leaves behind, and what it never looks at."""

import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest
from composing import composed
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer
from typed import call, start

from mlalign.config.hydra import resolve
from mlalign.data.sample import write_sample
from mlalign.errors import ConfigError, DataError, TrainingError
from mlalign.pipeline import run as train
from mlalign.reporting.comparison import comparison
from mlalign.reporting.runs import find_runs
from mlalign.stages.reopen import load_run
from mlalign.tasks.classification import Classified

SMALL = [
    "data=files",
    "data.parallel=[sample]",
    "data.languages=[de,ru]",
    "backbone.vocabulary_size=600",
    "backbone.layers=1",
    "backbone.width=32",
    "backbone.heads=2",
    "align.steps=6",
    "align.batch_size=8",
    "align.validations=2",
    "finetune.epochs=1",
    "finetune.evaluations=2",
    "task.languages=[en,de,ru]",
    "trainer=cpu",
    "trainer.progress=false",
    "trainer.precision=float32",
]


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("release") / "sample"
    write_sample(
        root,
        seed=3,
        pairs=300,
        documents=(60, 30, 30),
        paraphrases=(60, 30, 30),
        sentences=(60, 30, 30),
    )
    return root


def run(release: Path, work: Path, *overrides: str) -> Path:
    own = [
        f"data.root={release}",
        f"data.cache={work / 'cache'}",
        f"output={work / 'outputs'}",
        f"aligned={work / 'aligned'}",
    ]
    return train(resolve(composed(*SMALL, *own, *overrides)))


@pytest.fixture(scope="session")
def finished(release, tmp_path_factory) -> tuple[Path, Path]:
    work = tmp_path_factory.mktemp("work")
    return work, run(release, work)


def results_of(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def test_the_encoders_card_has_the_runs_scores(finished):
    results = results_of(finished[1])
    path = Path(results["aligned"]) / "README.md"
    card = ModelCard.load(path)
    assert path.stat().st_mtime <= (finished[1] / "results.json").stat().st_mtime  # with which the run is finished
    assert card.data.language == ["de", "en", "ru"]
    found = {one.dataset_config: one.metric_value for one in card.data.eval_results}
    assert found == pytest.approx(results["scores"], abs=0.005)


def test_results_hold_what_the_contract_promises(finished):
    results = results_of(finished[1])
    assert results["schema"] == 1
    assert (results["task"], results["metric"]) == ("mldoc", "accuracy")
    assert (results["method"], results["ablation"]) == ("multilevel", "none")
    assert (results["backbone"], results["seed"]) == ("tiny", 1)
    assert list(results["scores"]) == ["en", "de", "ru"]
    transfer = (results["scores"]["de"] + results["scores"]["ru"]) / 2
    assert results["transfer_average"] == pytest.approx(transfer)
    assert results["average"] == pytest.approx(sum(results["scores"].values()) / 3)
    assert results["transfer_gap"] == pytest.approx(results["scores"]["en"] - transfer)
    assert results["config"]["losses"]["inter_sentence"]["temperature"] == 0.1
    assert {"python", "torch", "lightning", "transformers"} <= set(results["versions"])
    assert {"align", "finetune", "test", "total"} <= set(results["seconds"])
    assert results["peak_memory_bytes"] > 0
    budget = results["budget"]
    assert (budget["unit"], budget["amount"], budget["steps"], budget["pairs"]) == ("steps", 6, 6, 48)
    assert budget["flops"] > budget["tokens"] > 0 < budget["seconds"]
    names = {Path(name).name: info for name, info in results["data"].items()}
    assert names["en-de.tsv"]["rows"] == 300
    assert names["german.test"]["rows"] == 30
    assert all(len(info["sha256"]) == 64 for info in names.values())


def test_predictions_are_the_scores(finished):
    results = results_of(finished[1])
    for language, score in results["scores"].items():
        path = finished[1] / "predictions" / f"{language}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert len(rows) == 30
        assert 100 * sum(row["gold"] == row["predicted"] for row in rows) / 30 == pytest.approx(score, abs=1e-3)
        assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_the_aligned_folder_loads_with_transformers_alone(finished):
    folder = results_of(finished[1])["aligned"]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    inputs = tokenizer("[LANG_de] Der alte Gärtner schlief.", return_tensors="pt")
    assert inputs["input_ids"][0, 1] == tokenizer.convert_tokens_to_ids("[LANG_de]")
    assert model(**inputs).last_hidden_state.isfinite().all()
    for name in ("config.json", "model.safetensors", "mlalign.safetensors", "alignment.yaml"):
        assert (Path(folder) / name).is_file()
    left = [path for path in Path(folder).rglob("*") if path.suffix in (".ckpt", ".pkl", ".bin")]
    assert not left


def test_the_same_command_finds_its_finished_run(finished, release, capsys):
    before = (finished[1] / "results.json").stat().st_mtime_ns
    assert run(release, finished[0]) == finished[1]
    assert (finished[1] / "results.json").stat().st_mtime_ns == before
    assert "transfer average" in capsys.readouterr().out


def test_a_joint_ablation_takes_all_of_it_away_and_says_so(release, tmp_path):
    folder = run(release, tmp_path, "ablation=[no_inter,no_afm]", "align.steps=3")
    results = results_of(folder)
    assert results["ablation"] == "no_afm+no_inter"
    assert folder.name.startswith("tiny-multilevel-no_afm+no_inter-seed1-")
    reported = (folder / "curves" / "align.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "align/loss/intra_sentence" in reported
    assert "align/loss/inter_sentence" not in reported
    assert "[LANG_de]" in (Path(results["aligned"]) / "tokenizer.json").read_text("utf-8")
    assert "fusion" not in " ".join(load_file(Path(results["aligned"]) / "mlalign.safetensors"))
    (table,) = comparison(find_runs(str(folder)), resamples=0)
    assert [row.name for row in table.rows] == ["multilevel no_afm+no_inter"]


@pytest.mark.parametrize("method", [pytest.param("none", marks=pytest.mark.long), "multilevel"])
def test_a_language_that_its_corpora_gained_is_noticed(release, tmp_path, caplog, method):
    caplog.set_level("INFO")
    root = tmp_path / "root"
    shutil.copytree(release, root)
    folder = root / "parallel" / "sample"
    for path in folder.iterdir():
        if path.name != "en-de.tsv":
            path.unlink()
    (folder / "ru-en.tsv").write_text("x\ty\n")
    typed = [f"method={method}", "data.languages=null", "align.steps=2"]
    first = results_of(run(root, tmp_path, *typed))
    assert list(first["parallel"]) == ["de"]
    assert first["never_aligned"] == ([] if method == "none" else ["ru"])
    assert f"en-de: 300 pairs in {folder / 'en-de.tsv'}" in caplog.text
    assert f"Ignored: {folder / 'ru-en.tsv'} (expected en-ru.tsv" in caplog.text
    caplog.clear()
    run(root, tmp_path, *typed)
    assert "This run is finished" in caplog.text
    shutil.copy(release / "parallel" / "sample" / "en-ru.tsv", folder)
    second = results_of(run(root, tmp_path, *typed))
    assert "en-ru.tsv is new since this run" in caplog.text
    assert list(second["parallel"]) == ["de", "ru"]
    assert second["never_aligned"] == []


def test_results_tell_what_code_made_them(finished):
    results = results_of(finished[1])
    assert set(results["code"]) == {"mlalign", "conf", "constraints"}
    assert results["alignment_code"] == results["code"]


def test_non_finite_probabilities_end_a_run_without_results(release, tmp_path, monkeypatch):
    def sick(*_: object, **__: object) -> list[Classified]:
        return [Classified(0, [math.nan] * 4)] * 30

    monkeypatch.setattr("mlalign.tasks.scoring.predict", sick)
    with pytest.raises(TrainingError, match="non-finite probabilities in en"):
        run(release, tmp_path, "method=none")
    (folder,) = (tmp_path / "outputs" / "mldoc").glob("tiny-none-seed1-*")
    assert not (folder / "results.json").is_file()


def test_another_task_takes_the_same_aligned_encoder(finished, release):
    work, first = finished
    for task in ("panx", "pawsx"):
        other = run(release, work, f"task={task}")
        assert results_of(other)["aligned"] == results_of(first)["aligned"]
    assert len([path for path in (work / "aligned").iterdir() if path.is_dir()]) == 1


def test_the_same_seed_gives_the_same_predictions(finished, release, tmp_path):
    again = run(release, tmp_path)
    for path in (finished[1] / "predictions").iterdir():
        assert path.read_bytes() == (again / "predictions" / path.name).read_bytes()


def test_no_target_label_is_read_before_the_test(finished, release, tmp_path):
    """Corrupt every target label: predictions stay, byte for byte, and only the scores change."""
    other = tmp_path / "other"
    subprocess.run(["cp", "-r", str(release), str(other)], check=True)
    labels = ["CCAT", "ECAT", "GCAT", "MCAT"]
    for language in ("german", "russian"):
        path = other / "tasks" / "mldoc" / f"{language}.test"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        moved = [labels[(labels.index(line[:4]) + 1) % 4] + line[4:] for line in lines]
        path.write_text("".join(moved), encoding="utf-8")
        (other / "tasks" / "mldoc" / f"{language}.dev").write_text("broken", encoding="utf-8")
    corrupted = run(other, tmp_path / "work")
    assert results_of(corrupted)["scores"]["en"] == results_of(finished[1])["scores"]["en"]

    def predicted(folder: Path, language: str) -> list:
        lines = (folder / "predictions" / f"{language}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line)["probabilities"] for line in lines.splitlines()]

    for language in ("en", "de", "ru"):
        assert predicted(corrupted, language) == predicted(finished[1], language)


def test_changed_data_makes_a_finished_run_anew(release, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(release), str(copy)], check=True)
    folder = run(copy, tmp_path, "method=none")
    path = copy / "tasks" / "mldoc" / "german.test"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(True)[:-1]), "utf-8")
    run(copy, tmp_path, "method=none")
    names = {Path(name).name: info for name, info in results_of(folder)["data"].items()}
    assert names["german.test"]["rows"] == 29


@pytest.mark.parametrize("method", ["none", "literal"])
def test_every_method_runs_to_its_results(method, release, finished):
    results = results_of(run(release, finished[0], f"method={method}"))
    assert set(results["scores"]) == {"en", "de", "ru"}
    assert (results["aligned"] is None) == (method == "none")


def test_a_local_backbone_folder_is_used_and_exported_again(finished, release, tmp_path):
    """`backbone=xlmr` with a folder of that type needs no network; so does an aligned folder."""
    tiny = next((finished[0] / "cache" / "backbones").glob("tiny-*/config.json")).parent
    options = [f"backbone.path={tiny}", "align.steps=2", "align.batch_size=8", "ablation=no_afm"]
    results = results_of(run(release, tmp_path, "backbone=xlmr", *options))
    assert (results["backbone"], results["ablation"]) == (tiny.name, "no_afm")
    assert set(results["backbone_dropout"].values()) == {0.1}
    again = ["backbone=xlmr", f"backbone.path={results['aligned']}", "method=none"]
    assert results_of(run(release, tmp_path, *again))["aligned"] is None


def test_without_network_a_hub_backbone_says_how_to_get_it(release, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"hf download FacebookAI/xlm-roberta-base.*\n.*backbone.path"):
        run(release, tmp_path, "backbone=xlmr", "ablation=no_afm")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.parallel=[tatoba]"], "tatoba"),
        (["data.languages=[de,pl]"], "pl"),
        (["task.languages=[en,pl]"], "pl"),
        (["task.languages=avialable"], "available"),
        (["task.folder=mldok"], "mldoc"),
        (["align.batch_size=400"], "align.batch_size"),
        (["data.max_pairs=4"], "align.batch_size"),
    ],
)
def test_what_is_not_there_is_named(overrides, words, release, tmp_path):
    with pytest.raises((DataError, ConfigError), match=words):
        run(release, tmp_path, *overrides)
    assert not list(tmp_path.rglob("results.json"))


def test_runs_are_compared_over_seeds(finished, release):
    work = finished[0]
    for seed in (1, 2):
        run(release, work, "method=none", f"seed={seed}")
        run(release, work, f"seed={seed}")
    found = [
        one
        for one in find_runs(str(work / "outputs" / "mldoc"))
        if one.results.seed < 3
        and one.results.method in ("none", "multilevel")
        and one.results.config["data"]["root"] == str(release)
    ]
    (table,) = comparison(found, resamples=200)
    rows = {row.name: row for row in table.rows}
    averages = {
        method: [
            one.results.summary["transfer_average"]
            for one in sorted(found, key=lambda one: one.results.seed)
            if one.results.method == method
        ]
        for method in ("none", "multilevel")
    }
    cell = rows["multilevel"].cells["transfer_average"]
    assert cell.values == pytest.approx(averages["multilevel"])
    gain = sum(averages["multilevel"]) / 2 - sum(averages["none"]) / 2
    assert cell.against.seeds.difference == pytest.approx(gain)
    assert cell.against.items is not None  # the predictions make the scores


@pytest.mark.parametrize(
    "typed",
    [pytest.param(call, id="in this process"), pytest.param(start, id="in one of its own", marks=pytest.mark.long)],
)
def test_two_commands_of_a_stranger(tmp_path, release, typed):
    """From another folder: a sweep, then the comparison of its runs."""
    small = [*SMALL, f"data.root={release}", "align.steps=2", "method=none,inter_sentence"]
    ended = typed("train.py", ["-m", *small], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert len(list((tmp_path / "multirun").rglob("results.json"))) == 2
    ended = call("evaluate.py", ["runs=multirun/**"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "inter_sentence" in ended.stdout


@pytest.mark.parametrize("method", ["multilevel", "none"])
def test_translations_are_found_without_learning(method, release, finished, sentences):
    folder = release / "retrieval" / "tatoeba-v1"
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("de", "ru"):
        pairs = zip(sentences["en"], sentences[language], strict=True)
        text = "".join(f"{one}\t{two}\n" for one, two in pairs)
        (folder / f"en-{language}.tsv").write_text(text, encoding="utf-8")
    options = ["task=tatoeba_retrieval", "task.languages=[de,ru]", "finetune.epochs=0"]
    done = run(release, finished[0], *options, f"method={method}")
    results = results_of(done)
    assert results["metric"] == "retrieval_accuracy"
    assert set(results["scores"]) == set(results["from_english"]) == {"de", "ru"}
    assert "finetune" not in results["seconds"]
    assert results["transfer_gap"] is None
    if method == "multilevel":
        assert results["aligned"] == results_of(finished[1])["aligned"]
    for language, score in results["scores"].items():
        lines = (done / "predictions" / f"{language}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        right = sum(row["gold"] == row["predicted"] for row in rows)
        assert score == pytest.approx(100 * right / len(rows))
        assert len(rows) == 80
    with pytest.raises(ConfigError, match=r"nothing was learned.*train\.py"):
        load_run(done)
    (table,) = comparison(find_runs(str(done)))
    assert "finding the English translation in per cent" in table.title


def test_a_task_with_other_tags_and_english_from_elsewhere(release, finished):
    """Words and spaces as MasakhaNER has them; English of the sample's WikiANN."""
    for language in ("swa", "bam"):
        path = release / "tasks" / "masakhaner" / language / "test.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Felix B-PER\nJumapili B-DATE\nusiku I-DATE\n\nVOA B-ORG\n. O\n", "utf-8")
    results = results_of(run(release, finished[0], "task=masakhaner", "task.languages=available"))
    assert set(results["scores"]) == {"bm", "sw"}
    names = {Path(name).relative_to(release).as_posix() for name in results["data"] if "tasks" in name}
    assert "tasks/panx/en/train" in names
    assert "tasks/masakhaner/swa/test.txt" in names
    rows = (finished[0] / "outputs").rglob("masakhaner/*/predictions/sw.jsonl")
    first = json.loads(next(rows).read_text().splitlines()[0])
    assert first["gold"] == ["B-PER", "O", "O"]
