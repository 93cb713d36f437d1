"""Test text in what was aligned on, as it is asked for: counted as loops count it, in every type of task."""

import json
import shutil
from dataclasses import replace

import pytest
from training.toy import cipher, configured
from typed import call

from mlalign.commands.overlap import scored_texts
from mlalign.config.plain import container
from mlalign.files import sha256_of
from mlalign.reporting.results import Results, write_results
from mlalign.stages.parallel_text import ParallelText

TEST = "The quick brown fox jumps over the lazy dog again"
ROWS = {
    "tatopara/de/test_2k.tsv": f"id\tsentence1\tsentence2\tlabel\n1\t{TEST}\tZwei\t0\n2\tDrei\tVier\t1\n",
    "tatopara/en/test_2k.tsv": "id\tsentence1\tsentence2\tlabel\n1\tOne\tTwo\t0\n",
    "panx/de/test": "".join(f"de:{word}\tO\n" for word in TEST.split()) + "\nde:Eins\tO\n\n",
}
SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": TEST,
                    "qas": [
                        {
                            "id": str(number),
                            "question": f"Who {number}?",
                            "answers": [{"text": "fox", "answer_start": 16}],
                        }
                        for number in range(2)
                    ],
                }
            ]
        }
    ]
}


@pytest.fixture
def root(toy, tmp_path):
    """The toy world and a test part of every other type."""
    root = shutil.copytree(toy, tmp_path / "world", ignore=shutil.ignore_patterns("cache"))
    rows = {f"tasks/{name}": text for name, text in ROWS.items()}
    rows |= {"tasks/xquad/xquad.de.json": json.dumps(SQUAD), "retrieval/tatoeba-v1/en-de.tsv": f"One\t{TEST}\n"}
    for name, text in rows.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def results_of(root, *overrides, languages=("en", "de"), seed=1):
    """Of a run that nobody made."""
    config = configured(root, *overrides, f"seed={seed}")
    parallel = ParallelText(config).paths
    data = {path: {"rows": 1, "sha256": sha256_of(root / path)} for paths in parallel.values() for path in paths}
    return Results(
        task=config.task.name, metric=config.task.metric, method="m", ablation="none", backbone="tiny", seed=seed,
        selection="last", scores=dict.fromkeys(languages, 50.0), parallel=parallel, data=data, config=container(config),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("task", "languages", "expected"),
    [
        ("tatopara", ["de"], {"en": ["One", "Two"], "de": [TEST, "Zwei", "Drei", "Vier"]}),
        ("panx", ["de"], {"de": [TEST, "Eins"]}),
        ("xquad", ["de"], {"de": ["Who 0?", TEST, "Who 1?"]}),
        ("tatoeba_retrieval", ["de"], {"en": ["One"], "de": [TEST]}),
    ],
)
def test_every_type_of_task_says_its_texts(root, task, languages, expected):
    if task == "panx":
        (root / "tasks/panx/en/test").unlink()
    config = configured(root, f"task={task}", "task.languages=[de]")
    assert (
        scored_texts(results_of(root, f"task={task}", "task.languages=[de]", languages=languages), config) == expected
    )


def lines(path, side):
    return [line.split("\t")[side].split() for line in path.read_text(encoding="utf-8").splitlines()]


def test_typed_it_counts_what_loops_find(root, tmp_path):
    write = root / "tasks" / "mldoc" / "german.test"
    aligned = root / "parallel" / "toy" / "en-de.tsv"
    leak = cipher(TEST, "de")
    write.write_text(write.read_text(encoding="utf-8") + f"CCAT\t{leak}\n", encoding="utf-8")
    aligned.write_text(aligned.read_text(encoding="utf-8") + f"Other\tSo, {leak[:-6].upper()}!\n", encoding="utf-8")
    for seed in (1, 2):
        write_results(tmp_path / "outputs" / str(seed), results_of(root, "task=mldoc", seed=seed))
    words = ["overlap=outputs/**", "ngram=3", "output=worst.jsonl"]
    done = call("evaluate.py", words, tmp_path)
    tests = {"en": lines(root / "tasks/mldoc/english.test", 1), "de": lines(write, 1)}
    others = {"en": [one for xx in ("de", "fr") for one in lines(root / f"parallel/toy/en-{xx}.tsv", 0)],
              "de": [[word.strip(",!").lower() for word in one] for one in lines(aligned, 1)]}  # fmt: skip
    for language, texts in tests.items():
        texts = [[word.lower() for word in one] for one in texts]
        grams = [[one[at : at + 3] for at in range(len(one) - 2)] for one in texts]
        stand = [[any(gram == other[at : at + 3] for other in others[language] for at in range(len(other)))
                  for gram in each] for each in grams]  # fmt: skip
        whole = [one in others[language] for one in texts]
        either = sum(any(each) or same for each, same in zip(stand, whole, strict=True))
        share = max(sum(each) / len(each) for each in stand)
        row = next(line for line in done.stdout.splitlines() if line.startswith(language)).split()
        assert row == [language, *map(str, (len(texts), sum(whole), sum(map(any, stand)), either)), f"{share:.2f}"]
    assert done.returncode == 1
    assert done.stdout.count("texts  whole") == 1  # both seeds ask the same
    worst = [json.loads(line) for line in (tmp_path / "worst.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["language"] for one in worst] == ["en"] * 3 + ["de"] * 3
    for one in worst:
        assert one["whole"] == (one["text"].split() in others[one["language"]])
        assert one["file"] in map(str, (root / "parallel" / "toy").iterdir())
        assert set(one["text"].lower().split()) & set(one["aligned"].lower().replace(",", "").split())
    assert call("evaluate.py", [*words, "allowed=1"], tmp_path).returncode == 0
    aligned.write_text("Other\tGanz anderes\n" * 20, encoding="utf-8")
    done = call("evaluate.py", [*words, "allowed=1"], tmp_path)
    assert (done.returncode, f"{aligned}: has changed since the run" in done.stdout) == (1, True)


def test_what_was_not_aligned_on_is_said(root, tmp_path):
    write_results(tmp_path / "run", replace(results_of(root, "task=mldoc"), parallel={}))
    done = call("evaluate.py", ["overlap=run"], tmp_path)
    assert (done.returncode, "no parallel text was read in a language" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("ngram=0", "ngram=0: expected at least 1"),
        ("allowed=1.5", "allowed=1.5"),
        ("overlap=", "overlap=: expected folders"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path, word, message):
    done = call("evaluate.py", ["overlap=run", word] if word[0] != "o" else [word], tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True)
