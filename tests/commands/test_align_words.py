"""Word links as they are typed: read, made by the encoder's own vectors, written and compared with gold."""

import pytest
import torch
from models.made import make
from torch.nn.functional import cosine_similarity
from typed import call

from mlalign.commands.word_links import align_words
from mlalign.config.commands import AlignWords
from mlalign.data.pharaoh import read_gold, read_sentence_pairs
from mlalign.errors import DataError
from mlalign.inference import AlignedEncoder
from mlalign.models.io import save_encoder


@pytest.fixture
def made(xlmr_folder, tmp_path):
    made = make(xlmr_folder)
    save_encoder(made.encoder, made.tokenizer, tmp_path / "aligned", {})
    return made


def word_vectors(made, words, language):
    """Of one sentence alone: its subwords word by word, their fused vectors averaged."""
    (pieces,) = made.layout.split_words([words], language)
    batch = made.layout.batch([made.layout.single([one for word in pieces for one in word], language)])
    with torch.no_grad():
        states = made.encoder.embedded(batch, "de").words[0][batch.is_content_token[0]]
    found, start = [], 0
    for word in pieces:
        found.append(states[start : start + len(word)].mean(0))
        start += len(word)
    return found


def links_of(made, source, target):
    one, other = word_vectors(made, source, "en"), word_vectors(made, target, "de")
    table = [[float(cosine_similarity(x, y, dim=0)) for y in other] for x in one]
    return [
        (i, row.index(max(row)))
        for i, row in enumerate(table)
        if max(range(len(one)), key=lambda k: table[k][row.index(max(row))]) == i
    ]


def test_typed_it_writes_what_the_vectors_say_and_the_error_rate(made, tmp_path, sentences):
    pairs = [(sentences["en"][row], sentences["de"][row]) for row in (0, 17, 42)]
    lines = [f"{one} ||| {other}" for one, other in pairs[:2]] + ["\t".join(pairs[2])]
    (tmp_path / "pairs").write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = [" ".join(f"{i}-{j}" for i, j in links_of(made, one.split(), other.split())) for one, other in pairs]
    assert all(expected)
    (tmp_path / "gold").write_text("\n".join(line.replace("-", "?", 1) for line in expected) + "\n", encoding="utf-8")
    words = ["align_words=pairs", "encoder=aligned", "languages=[en,de]", "output=out/links", "gold=gold"]
    done = call("evaluate.py", words, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "links").read_text().splitlines() == expected
    assert "AER      0.0 per cent of 3 pairs" in done.stdout


def test_neither_batches_nor_cut_sentences_change_the_links(made, tmp_path, sentences):
    source, target = ([one.split() for one in sentences[language][:5]] for language in ("en", "de"))
    encoder = AlignedEncoder(tmp_path / "aligned")
    whole = encoder.align_words(source, target, "en", "de")
    assert whole == encoder.align_words(source, target, "en", "de", batch_size=2)
    assert whole == [links_of(made, *pair) for pair in zip(source, target, strict=True)]
    cut = AlignedEncoder(tmp_path / "aligned", max_length=6).align_words(source, target, "en", "de")
    assert all(max(link) < 3 for line in cut for link in line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a b", "line 2: expected `source"),
        ("a ||| b ||| c", "line 2: expected `source"),
        ("a ||| ", "line 2: expected `source"),
    ],
)
def test_a_line_without_two_sentences_is_named(tmp_path, line, message):
    path = tmp_path / "pairs"
    path.write_text(f"a ||| b\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_sentence_pairs(path)


def test_gold_links_are_read_or_named(tmp_path):
    (tmp_path / "pairs").write_text("a b ||| c d e\na\tb\n", encoding="utf-8")
    pairs = read_sentence_pairs(tmp_path / "pairs")
    gold = tmp_path / "gold"
    gold.write_text("0-1 1?2\n\n", encoding="utf-8")
    assert read_gold(gold, pairs) == [({(0, 1)}, {(0, 1), (1, 2)}), (set(), set())]
    for text, message in {
        "0-1\n": "1 line for 2 pairs",
        "0-1\n0:0\n": "line 2: expected links such as 0-1 .* found '0:0'",
        "2-1\n\n": "line 1: 2-1 in a pair of 2 and 3 words.*subtract 1",
    }.items():
        gold.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_gold(gold, pairs)


def test_bad_settings_end_in_a_message(made, tmp_path):
    (tmp_path / "pairs").write_text("a ||| b\n", encoding="utf-8")
    paths = {"align_words": str(tmp_path / "pairs"), "output": str(tmp_path / "links")}
    with pytest.raises(DataError, match="nowhere"):
        align_words(AlignWords(**paths, encoder=str(tmp_path / "nowhere"), languages=["en", "de"]))
    for word in ("accelerator=cud", "accelerator=cpu"):
        done = call("evaluate.py", ["align_words=pairs", "languages=[en,de]", "output=x", word], tmp_path)
        assert done.returncode == 2
        assert ("accelerator" if word.endswith("cud") else "encoder") in done.stderr
