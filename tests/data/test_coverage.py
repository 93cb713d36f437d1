"""Unknown subwords and subwords per word, counted one by one."""

import pytest

from mlalign.data import coverage as module
from mlalign.data.coverage import coverage
from mlalign.data.sequences import SequenceBuilder


@pytest.fixture
def builder(tokenizer):
    return SequenceBuilder(tokenizer, {}, max_length=8)


def test_counts_are_those_of_the_texts_one_by_one(builder, tokenizer, sentences, caplog):
    texts = [*sentences["de"][:20], "\u2603 \u2603"]
    pieces = [piece for text in texts for piece in tokenizer.tokenize(text)]
    unknown = [piece for piece in pieces if tokenizer.convert_tokens_to_ids(piece) == tokenizer.unk_token_id]
    assert unknown
    assert coverage(texts, "de", builder, "texts") == {
        "unknown_percent": round(100 * len(unknown) / len(pieces), 2),
        "subwords_per_word": round(len(pieces) / sum(len(text.split()) for text in texts), 3),
    }
    assert not caplog.text


def test_much_that_is_unknown_is_warned_of(builder, caplog):
    found = coverage(["\u2603\u2603 \u2604"] * 3, "xx", builder, "some.tsv")
    assert found["unknown_percent"] > 10
    assert "some.tsv in xx:" in caplog.text
    assert "unknown to the tokenizer" in caplog.text


def test_no_words_are_counted_where_there_are_none(builder, sentences, monkeypatch):
    assert coverage(sentences["en"][:2], "zh", builder, "texts")["subwords_per_word"] is None
    assert coverage([], "de", builder, "texts") == {"unknown_percent": 0.0, "subwords_per_word": None}
    monkeypatch.setattr(module, "TEXTS", 2)
    assert coverage(iter(sentences["de"]), "de", builder, "") == coverage(sentences["de"][:2], "de", builder, "")
