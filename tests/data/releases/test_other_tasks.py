"""Releases of further tasks: what the hub holds becomes files that the tasks' readers read."""

import json

import pytest
from datasets import ClassLabel, Features, List, Value
from hub_releases import parquet
from test_configs import composed

from mlalign.data.hub.releases import CONVERTERS
from mlalign.errors import DataError
from mlalign.finetuning.building import require_resources, task_files
from mlalign.finetuning.resources import Resources
from mlalign.stages.preparation import prepare_task

TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
PARTS = {"train": "train", "dev": "validation", "test": "test"}  # ours -> the hub's


@pytest.fixture
def served(hub, tmp_path):
    """Serve tables in parquet as a task's release; return the settings of a run."""

    def serve(task, tables, features, *languages, tuning="none"):
        config = composed(
            "data=hub",
            f"data.root={tmp_path / 'root'}",
            "data.parallel=[made]",
            "data.languages=[de]",
            "trainer.progress=false",
            f"task={task}",
            f"task.languages=[{','.join(languages)}]",
            "task.check_sizes=false",
            f"tuning={tuning}",
        )
        release = config.task.release
        if len(release.revision) == 40:
            hub.pins[release.repo] = release.revision
        for name, rows in tables.items():
            hub.repository("datasets", release.repo, {name: parquet(rows, features, tmp_path / "made" / name)})
        return config

    return serve


def prepared(config):
    """Language and part -> what the task's reader reads of it."""
    prepare_task(config)
    files = task_files(config)
    return {needed: files.read(*needed).examples for needed in files.needed()}


def test_xnli(served):
    features = Features(
        premise=Value("string"),
        hypothesis=Value("string"),
        label=ClassLabel(names=["entailment", "neutral", "contradiction"]),
    )
    texts = [('He said: "no".', "He said\tno.", 0), ("A", "B", 2), ("C", "D", 1)]
    rows = [dict(zip(features, text, strict=True)) for text in texts]
    tables = {f"{language}/{part}-00000-of-00001.parquet": rows for language in ("en", "sw") for part in PARTS.values()}
    read = prepared(served("xnli", tables, features, "en", "sw"))
    assert list(read) == [("en", "train"), ("en", "dev"), ("en", "test"), ("sw", "test")]
    for examples in read.values():
        assert examples[0].texts == ('He said: "no".', "He said no.")
        assert [one.label for one in examples] == [0, 2, 1]


def massive(locales):
    features = Features(
        id=Value("string"),
        locale=Value("string"),
        partition=Value("string"),
        scenario=ClassLabel(names=["social", "alarm"]),
        intent=ClassLabel(names=["datetime_query", "alarm_set", "audio_volume_mute"]),
        utt=Value("string"),
        annot_utt=Value("string"),
        worker_id=Value("string"),
    )
    annotated = ["wake me at [time : five am]", "what [date : day] is it"]
    tables = {}
    for locale in locales:
        for ours, part in PARTS.items():
            rows = [
                {"id": str(place), "locale": locale, "partition": ours, "scenario": 1}
                | {"intent": 1 - place, "worker_id": "7"}
                | {"utt": f"utterance {place}", "annot_utt": annotation}
                for place, annotation in enumerate(annotated)
            ]
            tables[f"{locale}/{part}/0000.parquet"] = rows
    return tables, features


def test_massive_intents_and_slots_are_tasks_of_the_same_files(served, tmp_path):
    tables, features = massive(["en-US", "de-DE", "zh-TW"])
    config = served("massive_intents", tables, features, "en", "de", "zh-TW")
    read = prepared(config)
    labels = [config.task.labels[one.label] for one in read["zh-TW", "test"]]
    assert labels == ["alarm_set", "datetime_query"]
    assert read["de", "test"][0].texts == ("utterance 0",)
    folder = tmp_path / "root" / "tasks" / "massive"
    row = json.loads((folder / "de-DE" / "test.jsonl").read_text().splitlines()[0])
    assert row["locale"] == "de-DE"
    assert row["partition"] == "test"
    slots = served("massive_slots", {}, features, "en", "de")
    read = prepared(slots)
    first = read["en", "train"][0]
    assert first.words == ("wake", "me", "at", "five", "am")
    tags = [slots.task.labels[tag] for tag in first.tags]
    assert tags == ["O", "O", "O", "B-time", "I-time"]


def entities(names, rows):
    features = Features(id=Value("string"), tokens=List(Value("string")), ner_tags=List(ClassLabel(names=names)))
    return features, [
        {"id": str(place), "tokens": words, "ner_tags": [names.index(tag) for tag in tags]}
        for place, (words, tags) in enumerate(rows)
    ]


def test_masakhaner_is_tested_and_learned_elsewhere(served, tmp_path):
    names = [*TAGS, "B-DATE", "I-DATE"]
    rows = [(["Felix", "Jumapili"], ["B-PER", "B-DATE"]), (["VOA"], ["B-ORG"])]
    features, table = entities(names, rows)
    config = served("masakhaner", {"swa/masakhaner2-test.parquet": table}, features, "sw")
    with pytest.raises(DataError, match=r"panx: no such folder.*task\.english_folder"):
        prepared(config)
    for part in ("train", "dev"):
        path = tmp_path / "root" / "tasks" / "panx" / "en" / part
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("en:Bonn\tB-LOC\nen:.\tO\n", encoding="utf-8")
    read = prepared(config)
    assert list(read) == [("en", "train"), ("en", "dev"), ("sw", "test")]
    assert [one.tags for one in read["sw", "test"]] == [(1, 0), (3,)]
    assert read["en", "train"][0].words == ("Bonn", ".")


def test_universal_ner(served):
    features, table = entities(TAGS, [(["Bonn", "#"], ["B-LOC", "O"]), (["x"], ["O"])])
    tables = {f"en_ewt/{part}-00000-of-00001.parquet": table for part in PARTS.values()}
    tables |= {"pt_bosque/test-00000-of-00001.parquet": table}
    read = prepared(served("uner", tables, features, "en", "pt"))
    assert list(read)[-1] == ("pt", "test")
    for examples in read.values():
        assert [(one.words, one.tags) for one in examples] == [
            (("Bonn", "#"), (5, 0)),
            (("x",), (0,)),
        ]


def test_tatoeba_from_the_hub(served):
    features = Features(sentence1=Value("string"), sentence2=Value("string"), lang=Value("string"))
    rows = [{"sentence1": "Eins.", "sentence2": "One.", "lang": "deu-eng"}]
    tables = {"deu-eng/test/0000.parquet": rows, "cmn-eng/test/0000.parquet": rows * 2}
    read = prepared(served("tatoeba_retrieval", tables, features, "de", "zh"))
    assert [len(examples) for examples in read.values()] == [1, 2]
    assert (read["de", "test"][0].english, read["de", "test"][0].other) == ("One.", "Eins.")


@pytest.mark.parametrize("name", ["massive", "entities"])
def test_numbers_without_names_of_classes_are_refused(name, tmp_path):
    features = Features(id=Value("string"), intent=Value("int64"), utt=Value("string"), annot_utt=Value("string"))
    row = {"id": "1", "intent": 0, "utt": "a", "annot_utt": "a"}
    path = parquet([row], features, tmp_path / "test.parquet")
    with pytest.raises(DataError, match="names of the classes of the column"):
        list(CONVERTERS[name].rows(path, [], language="de-DE", part="test"))


def test_tunings_find_translations_in_what_the_hub_gives(served, tmp_path):
    tables, features = massive(["en-US", "de-DE"])
    config = served("massive_intents", tables, features, "en", "de", tuning="translate_train")
    prepare_task(config)
    resources = Resources(config, files := task_files(config), dict, dict)
    require_resources(config, resources)
    english = files.read("en", "train").examples
    found = [resources.translation(one, "de") for one in english]
    assert [one.label for one in found] == [one.label for one in english]
    assert not files.read("de", "test").path.samefile(files.path("de", "translated_train"))
