"""Translations are found as their vectors say, and a test that was aligned on is refused."""

import json

import lightning as L
import pytest
import torch
from metrics.test_retrieval import margin_loops
from models.made import make

from mlalign.data.readers import task_formats
from mlalign.data.task_files import TaskFiles, TaskRelease
from mlalign.errors import DataError
from mlalign.tasks.retrieval import Retrieval, refuse_seen


@pytest.fixture
def files(tmp_path, sentences):
    """Twelve pairs of English and German; one English sentence stands there twice."""
    folder = tmp_path / "retrieval" / "made"
    folder.mkdir(parents=True)
    english, german = sentences["en"][:12], sentences["de"][:12]
    english[7] = english[2]
    lines = [f"{one}\t{two}\n" for one, two in zip(english, german, strict=True)]
    (folder / "en-de.tsv").write_text("".join(lines), encoding="utf-8")
    return TaskFiles(TaskRelease(folder, task_formats()["bitext"], []), "available")


@pytest.fixture
def trainer():
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return L.Trainer(accelerator="cpu", enable_checkpointing=False, **quiet)


def one_by_one(made, texts, language):
    """Each sentence alone, so that nothing of a batch can matter."""
    with torch.no_grad():
        return [made.encoder.embed(made.batch([text], language), "de")[0] for text in texts]


@pytest.mark.parametrize("fused", [True, False])
def test_is_what_vectors_one_by_one_say(fused, xlmr_folder, files, trainer, tmp_path):
    made = make(xlmr_folder, sentence=fused, word=fused)
    part = files.read("de", "test")
    found = Retrieval([]).score(part, "de", made.encoder, made.layout, trainer, tmp_path / "de.jsonl", tokens=99)
    pairs = part.examples
    english, german = [pair.english for pair in pairs], [pair.other for pair in pairs]
    vectors = one_by_one(made, english, "en"), one_by_one(made, german, "de")
    rows = [json.loads(line) for line in (tmp_path / "de.jsonl").read_text().splitlines()]

    def nearest(query, candidates):
        cosines = [float(torch.cosine_similarity(query, one, dim=0)) for one in candidates]
        return cosines.index(max(cosines))

    to_english = [nearest(vector, vectors[0]) for vector in vectors[1]]
    from_english = [nearest(vector, vectors[1]) for vector in vectors[0]]
    right = sum(english[place] == english[row] for row, place in enumerate(to_english))
    assert found["scores"] == pytest.approx(100 * right / 12)
    assert [english[int(row["predicted"]) - 1] for row in rows] == [english[place] for place in to_english]
    assert set(found) == {"scores", *Retrieval.metric.beside}
    english_key = [english.index(text) for text in english]
    to_english = margin_loops(torch.stack(vectors[1]), torch.stack(vectors[0]), english_key, 4)
    assert found["margin"] == pytest.approx(100 * to_english)
    backward = [int(row["from_english"]["predicted"]) - 1 for row in rows]
    assert backward == from_english
    assert [row["id"] for row in rows] == [str(number) for number in range(1, 13)]
    assert rows[7]["gold"] == "3"
    assert sum(row["gold"] == row["predicted"] for row in rows) == right


def test_what_was_aligned_on_is_refused(files, tmp_path, caplog):
    text = tmp_path / "en-de.tsv"
    text.write_text("An unseen sentence.\tEin neuer Satz.\n", encoding="utf-8")
    refuse_seen(files, {"de": [text]})
    refuse_seen(files, {})
    text.write_text((files.folder / "en-de.tsv").read_text(encoding="utf-8").upper(), "utf-8")
    with pytest.raises(DataError, match=r"12 of its 12 pairs stand in .*data\.parallel"):
        refuse_seen(files, {"de": [text]})
    refuse_seen(files, {"ru": [text]})
