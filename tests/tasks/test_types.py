"""What holds of every type of task: predictions are written, read, counted, scored again and shown."""

import base64
import gzip
import json
import random
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from additions import ADDED, additions
from additions import CONF as ADDED_CONF
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from mlalign.commands import report_figures
from mlalign.commands.report import make_report
from mlalign.commands.rescore import rescore
from mlalign.config.commands import Report
from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.data.readers import task_formats
from mlalign.data.sample import write_sample
from mlalign.inference import Classifier
from mlalign.metrics.tasks import Prediction, task_metrics
from mlalign.pipeline import run as train
from mlalign.reporting.bootstrap import read_items, resampled_scores
from mlalign.reporting.drawing.style import save
from mlalign.reporting.predictions import predictions_file, read_predictions
from mlalign.reporting.results import read_results
from mlalign.stages.reopen import load_run
from mlalign.tasks.data import scored_part
from mlalign.tasks.registry import learned_tasks
from mlalign.tasks.scoring import write_predictions

SMALL = (
    "data=files", "data.parallel=[sample]", "data.languages=[de]", "method=none", "backbone.vocabulary_size=600",
    "backbone.layers=1", "backbone.width=32", "backbone.heads=2", "finetune.evaluations=2", "trainer=cpu",
    "trainer.progress=false", "trainer.precision=float32",
)  # fmt: skip
RUNS = {
    "accuracy": ("task=mldoc", "task.languages=[en,de]", "finetune.epochs=1"),
    "entity_f1": ("task=panx", "task.languages=[en,de]", "finetune.epochs=1"),
    "retrieval_accuracy": ("task=tatoeba_retrieval", "task.languages=[de]"),
    "answer_f1": ("task=xquad", "task.languages=[en,de]", "finetune.epochs=1", "finetune.max_length=64"),
    "label_f1": (ADDED_CONF, "task=emotions", "task.languages=[en,de]", "finetune.epochs=1"),
}
TAGS = ["O", "B-PER", "I-PER"]
DRAWN = {  # type -> gold and predicted, drawn by lot
    "accuracy": lambda draw: (draw.choice("AB"), draw.choice("AB")),
    "entity_f1": lambda draw: tuple(draw.choices(TAGS, k=4) for _ in range(2)),
    "retrieval_accuracy": lambda draw: (draw.choice("12"), draw.choice("12")),
    "label_f1": lambda draw: tuple(sorted(draw.sample(["anger", "fear", "joy"], draw.randrange(4))) for _ in range(2)),
    "answer_f1": lambda draw: (draw.choices(["the Rhine", "1998"], k=2), draw.choice(["Rhine", "in 1998", ""])),
}
with additions():  # the types of the package, and one that a change story adds
    KINDS = list(task_metrics())
    ITEMISED = [name for name, metric in task_metrics().items() if metric.is_itemised]


@pytest.fixture(autouse=True, scope="module")
def _added():
    with additions():
        yield


def drawn(kind: str, count: int = 40) -> list[Prediction]:
    draw = random.Random(1)
    more = {"accuracy": {"probabilities": {"A": 0.25, "B": 0.75}}}.get(kind, {})
    return [Prediction(str(number), *DRAWN[kind](draw), more) for number in range(count)]


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("release") / "sample"
    sizes = (40, 20, 20)
    write_sample(root, seed=3, pairs=60, documents=sizes, paraphrases=sizes, sentences=sizes, questions=sizes)
    folder = root / "retrieval" / "tatoeba-v1"
    folder.mkdir(parents=True)
    (folder / "en-de.tsv").write_bytes((root / "parallel" / "sample" / "en-de.tsv").read_bytes())
    _write_emotions(root)
    return root


def _write_emotions(root: Path) -> None:
    """The documents of MLDoc as tweets with both, one or none of two emotions."""
    names = OmegaConf.load(ADDED / "conf" / "task" / "emotions.yaml").task.labels
    marks = {"CCAT": {"joy"}, "ECAT": {"fear"}, "GCAT": {"joy", "fear"}, "MCAT": set()}
    folder = root / "tasks" / "emotions"
    folder.mkdir()
    for code, part, source in (
        ("En", "train", "english.train.1000"), ("En", "dev", "english.dev"), ("En", "test-gold", "english.test"),
        ("de", "test-gold", "german.test"),
    ):  # fmt: skip
        rows = ["\t".join(["ID", "Tweet", *names])]
        for number, line in enumerate((root / "tasks" / "mldoc" / source).read_text(encoding="utf-8").splitlines()):
            topic, text = line.split("\t")
            rows.append("\t".join([str(number), text, *(str(int(name in marks[topic])) for name in names)]))
        (folder / f"2018-E-c-{code}-{part}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def outputs(release, tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("work") / "outputs"


@pytest.fixture(scope="module", params=KINDS)
def finished(request, release, outputs) -> tuple[str, Path]:
    """A run of each type on the sample."""
    own = [f"data.root={release}", f"data.cache={outputs.parent / 'cache'}", f"output={outputs}"]
    with initialize_config_dir(CONF, version_base="1.3"):
        config = resolve(compose("train", overrides=[*SMALL, *own, *RUNS[request.param]]))
    return request.param, train(config)


def test_every_format_is_scored_by_one_type():
    formats = [name for metric in task_metrics().values() for name in metric.formats]
    assert sorted(formats) == sorted([*task_formats(), "table"])
    assert {name for name, metric in task_metrics().items() if metric.is_learned} == set(learned_tasks())


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_read_as_they_were_written(kind, tmp_path):
    path = tmp_path / "predictions" / "de.jsonl"
    write_predictions(path, drawn(kind))
    assert list(read_predictions(path, task_metrics()[kind])) == drawn(kind)


@pytest.mark.parametrize("kind", ITEMISED)
def test_counts_of_items_make_the_score(kind, tmp_path):
    metric, found = task_metrics()[kind], drawn(kind)
    write_predictions(tmp_path / "de.jsonl", found)
    items = read_items(tmp_path / "de.jsonl", metric, metric.score(found))
    assert 0 < metric.score(found) < 100
    scores = resampled_scores([items], 200)[0]
    assert scores.mean() == pytest.approx(metric.score(found), abs=2)
    generator, possible = np.random.default_rng(2), []
    for _ in range(200):
        possible.append(metric.score([found[place] for place in generator.integers(0, len(found), len(found))]))
    assert scores.std() == pytest.approx(np.std(possible), rel=0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_outcomes_are_equal_where_the_prediction_is_right(kind):
    metric = task_metrics()[kind]
    for one in drawn(kind):
        gold, predicted = metric.outcomes(one)
        assert (gold == predicted) == metric.is_right(one)


def test_scores_are_those_of_the_predictions(finished):
    kind, folder = finished
    metric, results = task_metrics()[kind], read_results(folder)
    assert results.metric == kind
    for language, score in results.scores.items():
        predictions = list(read_predictions(predictions_file(folder, language), metric))
        assert len(predictions) >= 20
        assert metric.score(predictions) == pytest.approx(score)
        for key, value in metric.scores_beside(predictions).items():
            assert results.beside[key][language] == value
    assert all(results.beside[key].keys() == results.scores.keys() for key in metric.beside)
    assert results.coverage["scored"].keys() == results.scores.keys()


def test_a_run_is_scored_again_to_the_last_bit(finished):
    kind, folder = finished
    if not task_metrics()[kind].is_learned:
        pytest.skip("nothing was learned")
    again = rescore(folder, {})
    before, after = read_results(folder), read_results(again)
    assert (after.scores, after.beside) == (before.scores, before.beside)
    assert after.coverage["scored"] == before.coverage["scored"]
    for language in before.scores:
        name = f"predictions/{language}.jsonl"
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_texts_without_labels_get_the_recorded_predictions(finished):
    kind, folder = finished
    if not task_metrics()[kind].is_learned:
        pytest.skip("nothing was learned")
    classifier = Classifier.from_run(folder)
    for language in read_results(folder).scores:
        part = classifier.run.files.read(language, "test")
        found = classifier([list(one.parts) for one in part.examples], language=language)
        recorded = list(read_predictions(predictions_file(folder, language), task_metrics()[kind]))
        assert [one["predicted"] for one in found] == [one.predicted for one in recorded]
        for one, known in zip(found, recorded, strict=True):
            assert one | known.more == one
        if kind == "answer_f1":
            for one, example in zip(found, part.examples, strict=True):
                assert example.context[one["start"] : one["end"]] == one["predicted"]


def test_an_opened_run_has_the_type_of_its_task(finished):
    kind, folder = finished
    if not task_metrics()[kind].is_learned:
        pytest.skip("nothing was learned")
    opened = load_run(folder)
    assert type(opened.module.task) is learned_tasks()[kind]
    part, batches = scored_part(opened.module.task, opened.files, opened.layout, "de")
    assert {place for batch in batches for place in batch.examples} == set(range(len(part.examples)))


@pytest.mark.parametrize(
    "finished",
    [pytest.param(one, marks=[pytest.mark.long] * (one not in ("accuracy", "entity_f1"))) for one in KINDS],
    indirect=True,
)
def test_a_report_shows_every_example(finished, tmp_path, monkeypatch):
    kind, folder = finished
    monkeypatch.setattr(report_figures, "save", partial(save, forms=["png"]))
    page, *tables = make_report(Report(runs=str(folder), report=str(tmp_path), resamples=10))
    packed = re.search(r'id="payload">([^<]*)<', page.read_text(encoding="utf-8"))[1]
    (task,) = json.loads(gzip.decompress(base64.b64decode(packed)))
    metric = task_metrics()[kind]
    assert task["form"] == metric.form
    expected = [
        metric.is_right(one)
        for language in read_results(folder).scores
        for one in read_predictions(predictions_file(folder, language), metric)
    ]
    assert [answer == 0 for answer in task["answers"][0][0]] == expected
    assert all(parts for parts in task["texts"])
    assert any(metric.title in path.read_text(encoding="utf-8") for path in tables)
