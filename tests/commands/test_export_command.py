"""A run written for transformers: its pipelines say what the run says, or the reasons are told."""

import json
import re
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise

import pytest
from training.toy import cipher, configured, sentences
from transformers import pipeline
from typed import ROOT, call

from mlalign.inference import Classifier
from mlalign.pipeline import run as train

SHORT = ("finetune.epochs=1", "finetune.batch_size=8", "finetune.learning_rate=1e-2", "finetune.evaluations=1")
PLAIN = ("ablation=no_afm", "backbone.pool=first")


@pytest.fixture(scope="module")
def topics(toy):
    return train(configured(toy, f"output={toy / 'exported'}", *SHORT, *PLAIN))


@pytest.fixture(scope="module")
def tags(toy):
    return train(configured(toy, f"output={toy / 'exported'}", *SHORT, *PLAIN, "task=panx"))


def test_a_plain_pipeline_says_what_the_classifier_says(topics, tmp_path):
    done = call("evaluate.py", [f"run={topics}", "export=transformers", "output=model", "language=de"], tmp_path)
    assert done.returncode == 0, done.stderr
    classify = pipeline("text-classification", str(tmp_path / "model"), truncation=True, top_k=None)
    texts = ["knab seees yadot", "bank sees gold today", "tekram", " ".join(["knab"] * 200)]
    for found, expected in zip(classify(texts), Classifier.from_run(topics)(texts, language="de"), strict=True):
        assert found[0]["label"] == expected["predicted"]
        assert {one["label"]: one["score"] for one in found} == pytest.approx(expected["probabilities"], abs=1e-5)
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["id2label"] == {"0": "CCAT", "1": "ECAT", "2": "GCAT", "3": "MCAT"}
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "[LANG_de]" in card
    assert 'pipeline("text-classification", FOLDER, truncation=True, top_k=None)' in card
    again = call("evaluate.py", [f"run={topics}", "export=transformers", "output=model"], tmp_path)
    assert again.returncode == 2
    assert "output=model: expected the name of a new folder" in again.stderr
    names = {"run": str(topics), "exported": str(tmp_path / "model")}
    for block in re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "predict.md").read_text(encoding="utf-8"), re.DOTALL
    ):
        exec(block, names)
    assert names["answers"][0].keys() == {"predicted", "probabilities"}
    assert len(names["scores"][0]) == 4


def test_a_plain_pipeline_gives_words_the_tags_of_the_classifier(tags, tmp_path):
    done = call("evaluate.py", [f"run={tags}", "export=transformers", "output=model"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "language is not given" in done.stderr
    texts = ["bank sees gold today", "tekram sdnif dlog niaga", "doctor leaves gold birds", "army buys letters ."]
    (code,) = re.findall(
        r"```python\n(.*?)```", (tmp_path / "model" / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    for text, expected in zip(texts, Classifier.from_run(tags)(texts), strict=True):
        names = {"FOLDER": str(tmp_path / "model")}
        with redirect_stdout(StringIO()) as said:
            exec(re.sub("Marie Curie .*?\\.", text, code), names)
        found = [line.split() for line in said.getvalue().splitlines()]
        assert [word for word, _, _ in found] == expected["words"]
        assert [tag for _, tag, _ in found] == expected["predicted"]
        assert [float(score) for _, _, score in found] == pytest.approx(expected["probabilities"], abs=1e-5)


def test_words_that_the_run_cuts_without_spaces_are_refused(tags, tmp_path):
    done = call("evaluate.py", [f"run={tags}", "export=transformers", "output=model", "language=zh"], tmp_path)
    assert done.returncode == 2
    assert "in zh its tokenizer cuts 'Yes.' into other subwords; nothing was written. Any run predicts" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def pairs(toy):
    """Fine-tuned in bfloat16."""
    for language, part in (("en", "train"), ("en", "dev_2k"), ("en", "test_2k"), ("de", "test_2k")):
        texts = [cipher(one, language) for one in sentences(12, seed=len(part))]
        rows = [f"{at}\t{one}\t{other}\t{at % 2}\n" for at, (one, other) in enumerate(pairwise(texts))]
        path = toy / "tasks" / "pawsx" / language / f"{part}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(["id\tsentence1\tsentence2\tlabel\n", *rows]), encoding="utf-8")
    settings = ("task=pawsx", "task.languages=[en,de]", "trainer.precision=bfloat16")
    return train(configured(toy, f"output={toy / 'exported'}", *SHORT, *PLAIN, *settings))


def test_pairs_get_the_recorded_predictions_and_a_pipeline_says_the_same(pairs, tmp_path):
    classifier = Classifier.from_run(pairs)
    texts = [one.texts for one in classifier.run.files.read("de", "test").examples]
    recorded = [json.loads(one) for one in (pairs / "predictions" / "de.jsonl").read_text("utf-8").splitlines()]
    found = classifier(texts, language="de")
    assert found == [{key: one[key] for key in ("predicted", "probabilities")} for one in recorded]
    done = call("evaluate.py", [f"run={pairs}", "export=transformers", "output=model", "language=de"], tmp_path)
    assert done.returncode == 0, done.stderr
    classify = pipeline("text-classification", str(tmp_path / "model"), truncation=True, top_k=None)
    for (one, other), expected in zip(texts, found, strict=True):
        scores = {row["label"]: row["score"] for row in classify({"text": one, "text_pair": other})}
        assert scores == pytest.approx(expected["probabilities"], abs=0.01)  # of bfloat16
    assert '{"text": "A first text.", "text_pair"' in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_what_lora_learned_is_exported_merged_and_bottlenecks_are_refused(toy, tmp_path):
    config = (f"output={toy / 'exported'}", *SHORT, *PLAIN)
    merged = train(configured(toy, *config, "backbone.adapter.form=lora"))
    words = ["export=transformers", "output=model", "language=de"]
    done = call("evaluate.py", [f"run={merged}", *words], tmp_path)
    assert done.returncode == 0, done.stderr
    texts = ["knab seees yadot", "tekram"]
    found = pipeline("text-classification", str(tmp_path / "model"), top_k=None)(texts)
    for scores, expected in zip(found, Classifier.from_run(merged)(texts, language="de"), strict=True):
        assert {one["label"]: one["score"] for one in scores} == pytest.approx(expected["probabilities"], abs=1e-5)
    (weights,) = (merged / "weights").iterdir()
    assert (weights / "adapter" / "adapter_config.json").is_file()  # by itself, for peft
    bottleneck = train(configured(toy, *config, "backbone.adapter.form=bottleneck"))
    done = call("evaluate.py", [f"run={bottleneck}", "export=transformers", "output=other"], tmp_path)
    assert done.returncode == 2
    assert "bottlenecks (backbone.adapter=lora is merged into the weights)" in done.stderr


def test_what_transformers_cannot_compute_is_refused_with_the_way_round(toy, tmp_path):
    fused = train(configured(toy, f"output={toy / 'exported'}", *SHORT))
    done = call("evaluate.py", [f"run={fused}", "export=transformers", "output=model"], tmp_path)
    assert done.returncode == 2
    for word in ("finetune.representation=backbone", "backbone.pool=first", "Classifier.from_run", "Traceback"):
        assert (word in done.stderr) == (word != "Traceback")
    assert not list(tmp_path.iterdir())
