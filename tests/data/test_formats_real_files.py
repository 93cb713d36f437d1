"""The real files, where they are at hand, read as a whole: every count is that of the release."""

import os
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from mlalign.config.folder import CONF
from mlalign.config.hydra import resolve
from mlalign.data.overlap import seen_pairs
from mlalign.data.readers import find_corpora, parallel_path, positions, read_pairs
from mlalign.finetuning.building import task_format

BESIDE = Path(__file__).parents[2].parent / "shared" / "data"
DATA = Path(os.environ.get("MLALIGN_DATA", BESIDE))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA}")


@cache
def settings_of(task):
    with initialize_config_dir(CONF, version_base="1.3"):
        return resolve(compose("train", overrides=[f"task={task}"])).task


def read(task, language, part, **changes):
    settings = replace(settings_of(task), **changes)
    form = task_format(settings)
    path = form.path(DATA / "tasks" / settings.folder, language, part, None)
    return form.read(
        path,
        positions(settings.labels, settings.label_names),
        part=part,
        language=form.called(language),
        on_bad_line="error",
    )


def test_pawsx():
    part = read("pawsx", "de", "dev")
    assert len(part.examples) == 1932
    assert part.dropped == {"placeholder NS": 68}
    assert part.examples[0].id == "4"


@pytest.mark.parametrize(
    ("language", "part", "rows"),
    [("en", "train", 6102), ("en", "test", 560), ("de", "test", 2896), ("tr", "dev", 314)],
)
def test_tatopara(language, part, rows):
    assert len(read("tatopara", language, part).examples) == rows


def test_sib200_is_parallel_over_languages():
    languages = task_format(settings_of("sib200")).languages(DATA / "tasks" / "sib200")
    assert " ".join(languages) == "ar bg de en es fr hi id it ja ko nl pl pt ru tr vi zh"
    for part, rows in (("train", 701), ("dev", 99), ("test", 204)):
        english = read("sib200", "en", part).examples
        assert len(english) == rows
        labels = {example.id: example.label for example in english}
        for language in languages:
            examples = read("sib200", language, part).examples
            assert {example.id: example.label for example in examples} == labels


def test_sib200_texts_have_no_leftover_quoting():
    texts = [example.texts[0] for example in read("sib200", "en", "train").examples]
    assert not any('""' in text for text in texts)
    assert sum('"' in text for text in texts) == 41


@pytest.mark.parametrize(
    ("folder", "language", "part", "sentences"),
    [
        ("panx", "en", "train", 20000),
        ("panx", "en", "dev", 10000),
        ("panx", "en", "test", 10000),
        ("panx", "de", "test", 10000),
        ("panx", "ru", "test", 10000),
        ("wikineural", "en", "dev", 11590),
        ("wikineural", "pl", "test", 13585),
    ],
)
def test_named_entities(folder, language, part, sentences):
    names = {"B-MISC": "O", "I-MISC": "O"} if folder == "wikineural" else {}
    read_part = read("panx", language, part, folder=folder, label_names=names)
    assert len(read_part.examples) == sentences
    assert read_part.dropped == {}
    assert all(len(example.words) == len(example.tags) > 0 for example in read_part.examples)


@pytest.mark.parametrize(("part", "sentences"), [("dev", 2001), ("test", 2077)])
def test_universal_ner(part, sentences):
    assert len(read("uner", "en", part).examples) == sentences


def test_tatoeba_retrieval():
    settings = settings_of("tatoeba_retrieval")
    form, folder = task_format(settings), DATA / "retrieval" / settings.folder
    assert form.languages(folder) == sorted(settings.sizes.test)
    for language, rows in settings.sizes.test.items():
        path = form.path(folder, language, "test")
        part = form.read(path, {}, part="test", language=language, on_bad_line="error")
        assert len(part.examples) == rows
        corpora = [name for name, there in find_corpora(DATA).items() if language in there]
        if language in ("de", "sw"):  # a sentence of two or three words may be there by chance
            texts = [parallel_path(DATA, name, language) for name in corpora]
            assert seen_pairs(part, texts, "error") <= 1


def test_parallel_text():
    corpora = find_corpora(DATA)
    rows = Counter()
    dropped = Counter()
    for corpus, languages in corpora.items():
        for language in languages:
            path = parallel_path(DATA, corpus, language)
            rows[corpus] += sum(1 for _ in read_pairs(path, on_bad_line="error", dropped=dropped))
    assert rows == {
        "tatoeba": 149077,
        "flores-sib": 19502,
        "mozilla": 29475,
        "xquad": 20441,
        "tico19": 16761,
        "xcopa-mt": 10724,
        "globalvoices": 29917,
        "indic-wiki": 5166,
        "pud": 1000,
    }
    assert not dropped
