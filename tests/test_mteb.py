"""An exported folder is scored by mteb's bitext mining, where it is installed, as it is here."""

import pytest
from models.made import make
from sentence_transformers import SentenceTransformer

from mlalign.inference import AlignedEncoder
from mlalign.metrics.retrieval import retrieval_accuracy
from mlalign.models.io import save_encoder

mteb = pytest.importorskip("mteb")


def mining(english: list[str], others: list[str]):
    """A task of mteb's own kind on our sentences: to each of the others its English translation."""
    from datasets import Dataset, DatasetDict
    from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining

    class Mining(AbsTaskBitextMining):
        metadata = mteb.TaskMetadata(
            name="Mining", dataset={"path": "none", "revision": "none"}, description="", reference=None,
            type="BitextMining", category="t2t", eval_splits=["test"], eval_langs=["deu-Latn"], main_score="accuracy",
            date=None, domains=None, license=None, annotations_creators=None, dialect=None, sample_creation=None,
            task_subtypes=None, bibtex_citation="",
        )  # fmt: skip

    task = Mining()
    task.dataset = DatasetDict(test=Dataset.from_dict({"sentence1": others, "sentence2": english}))
    task.data_loaded = True
    return task


@pytest.mark.parametrize("pool", ["mean", "first"])
def test_its_accuracy_is_ours(pool, xlmr_folder, sentences, tmp_path):
    made = make(xlmr_folder, pool=pool, sentence=False, word=False)
    save_encoder(made.encoder, made.tokenizer, tmp_path, {})
    english = list(dict.fromkeys(sentences["en"]))  # a sentence that stands there twice has two answers
    others = [" ".join(one.split()[::2]) for one in english]  # which a random encoder finds, but not always
    aligned = AlignedEncoder(tmp_path)
    ours = [
        aligned.encode(texts, "unknown", representation="backbone", convert_to_tensor=True)
        for texts in (others, english)
    ]
    found = mteb.evaluate(
        SentenceTransformer(str(tmp_path), device="cpu"), mining(english, others), cache=None, encode_kwargs={}
    )
    accuracy = found.task_results[0].scores["test"][0]["accuracy"]
    assert accuracy == pytest.approx(retrieval_accuracy(*ours)[0])
    assert 0 < accuracy < 1
