"""Backbones of three families: loading, language tokens, and the head's own transform."""

import shutil

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from mlalign.errors import DataError
from mlalign.models.backbone import (
    add_language_tokens,
    known_languages,
    load_backbone,
    vocabulary_size,
)
from mlalign.models.vocabulary_head import head_parameters, unused_head, word_transform

STARTS = ("type_mean", "freq_mean", "exclusive_mean", "random")


def load(folder, attention="eager"):
    return load_backbone(folder, attention=attention)


def expected_attention(model, attention):
    return "eager" if "deberta" in model.config.model_type else attention


@pytest.fixture
def loaded(family_folder):
    model, tokenizer = load(family_folder)
    return model.eval(), tokenizer


@pytest.fixture
def counts(loaded):
    """Two languages that share some pieces, and one in which hardly a piece occurs."""
    size = len(loaded[1])
    random = torch.Generator().manual_seed(3)
    drawn = {
        language: torch.randint(0, 9, (size,), generator=random) * (torch.rand(size, generator=random) < 0.5)
        for language in ("en", "de")
    }
    rare = torch.zeros(size, dtype=torch.long)
    rare[[size - 3, size - 2]] = torch.tensor([2, 1])
    return drawn | {"sw": rare}


# Loading


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_folder_loads_with_its_own_weights_in_float32(family_folder, attention, tmp_path):
    half = tmp_path / "half"
    AutoModelForMaskedLM.from_pretrained(family_folder, dtype=torch.bfloat16).save_pretrained(half)
    AutoTokenizer.from_pretrained(family_folder).save_pretrained(half)
    for folder in (family_folder, half):
        model, tokenizer = load(folder, attention=attention)
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert tokenizer.is_fast
        assert model.config._attn_implementation == expected_attention(model, attention)
    expected = AutoModelForMaskedLM.from_pretrained(half, dtype=torch.bfloat16).state_dict()
    for name, value in model.state_dict().items():
        assert value.equal(expected[name].float()), name


def test_a_wrong_path_is_named_with_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=r"backbone\.path=.*nowhere: no config\.json.*model\.safet"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["no weights", "no tokenizer", "broken weights", "other shape"])
def test_a_damaged_folder_is_named(xlmr_folder, tmp_path, damage):
    folder = tmp_path / "copy"
    shutil.copytree(xlmr_folder, folder)
    if damage == "no weights":
        (folder / "model.safetensors").unlink()
    elif damage == "no tokenizer":
        for path in folder.glob("tokenizer*.json"):
            path.unlink()
    elif damage == "broken weights":
        (folder / "model.safetensors").write_bytes(b"\x00" * 5000)
    else:
        config = (folder / "config.json").read_text()
        (folder / "config.json").write_text(config.replace('"hidden_size": 32', '"hidden_size": 64'))
    with pytest.raises(DataError, match=r"backbone\.path=.*copy: "):
        load(folder)


# Language tokens


@pytest.mark.parametrize("start", STARTS)
def test_language_tokens_move_no_other_row(loaded, counts, start):
    model, tokenizer = loaded
    before = {name: value.clone() for name, value in model.state_dict().items()}
    size, rows = len(tokenizer), model.get_input_embeddings().num_embeddings
    assert vocabulary_size(tokenizer) == size
    add_language_tokens(model, tokenizer, counts, start=start)
    assert len(tokenizer) == size + 4
    assert vocabulary_size(tokenizer) == size
    assert model.get_input_embeddings().num_embeddings == max(rows, size + 4)
    tokens = known_languages(tokenizer, ["en", "de", "sw", "xx"])
    assert tokens == {"en": size, "de": size + 1, "sw": size + 2, "unk": size + 3}
    embeddings = {id(parameter) for parameter in (model.get_input_embeddings().weight,)}
    kept = [row for row in range(rows) if row not in tokens.values()]
    for name, value in model.state_dict(keep_vars=True).items():
        old = before[name]
        if id(value) in embeddings:
            assert value[kept].equal(old[kept]), name
        else:
            assert value[tuple(slice(length) for length in old.shape)].equal(old), name


def test_ordinary_text_keeps_its_ids(loaded, counts, sentences):
    tokenizer = loaded[1]
    texts = [text for rows in sentences.values() for text in rows]
    texts += [" a  b ", "[LANG", "LANG_de] Hund", "日本語 και العربية", ""]
    before = tokenizer(texts)["input_ids"]
    add_language_tokens(*loaded, counts, start="type_mean")
    assert tokenizer(texts)["input_ids"] == before


def test_tokens_of_an_alignment_before_stay_as_they_are(loaded, counts):
    model, tokenizer = loaded
    add_language_tokens(model, tokenizer, counts, start="type_mean")
    aligned = model.get_input_embeddings().weight.detach().clone()
    size, places = vocabulary_size(tokenizer), known_languages(tokenizer, list(counts))
    drawn = {name: torch.randint(9, (size,)) for name in ("en", "ru", "de")}
    add_language_tokens(model, tokenizer, drawn, start="type_mean")
    now, rows = known_languages(tokenizer, [*places, "ru"]), model.get_input_embeddings().weight
    assert now == places | {"ru": max(places.values()) + 1}
    assert vocabulary_size(tokenizer) == size
    kept = [row for row in range(len(aligned)) if row != now["ru"]]
    assert rows[kept].equal(aligned[kept])
    assert not rows[now["ru"]].equal(rows[now["de"]])
    add_language_tokens(model, tokenizer, drawn, start="random")
    assert model.get_input_embeddings().weight is rows


def test_language_tokens_keep_the_head_tied_and_usable(loaded, counts, tmp_path):
    model, tokenizer = loaded
    add_language_tokens(model, tokenizer, counts, start="type_mean")
    words, output = model.get_input_embeddings().weight, model.get_output_embeddings()
    assert output.weight is words
    assert output.bias.shape == (len(words),)
    ids = torch.tensor([[tokenizer.cls_token_id, len(tokenizer) - 1, 9, 10]])
    logits = model(input_ids=ids).logits
    assert logits.shape == (1, 4, len(words))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again, same_tokenizer = load(tmp_path)
    assert again.get_output_embeddings().weight is again.get_input_embeddings().weight
    assert_close(again.eval()(input_ids=ids).logits, logits)
    assert known_languages(same_tokenizer, ["en"]) == known_languages(tokenizer, ["en"])


def language_rows_of(model, tokenizer, counts):
    """The embeddings of the languages in order, and last that of the unknown one."""
    places = known_languages(tokenizer, list(counts))
    return model.get_input_embeddings().weight.detach()[list(places.values())].double()


def mean_by_hand(words, count, start, everything, least):
    """The start of one language's token, piece by piece."""
    weights = {}
    for piece, occurrences in enumerate(count.tolist()):
        total = sum(int(other[piece]) for other in everything)
        if occurrences < least or (start == "exclusive_mean" and 2 * occurrences < total):
            continue
        weights[piece] = occurrences if start == "freq_mean" else 1
    if not weights:
        weights = {piece: 1 for piece, occurrences in enumerate(count.tolist()) if occurrences}
    total = sum(weights.values())
    return sum(weight / total * words[piece].double() for piece, weight in weights.items())


@pytest.mark.parametrize("start", STARTS[:3])
@pytest.mark.parametrize("least", [1, 5])
def test_a_token_starts_at_the_mean_of_its_languages_words(loaded, counts, start, least):
    model, tokenizer = loaded
    words = model.get_input_embeddings().weight.detach().clone()
    special = tokenizer.all_special_ids
    clean = {language: count.clone() for language, count in counts.items()}
    for count in clean.values():
        count[special] = 0  # the unknown piece is no word of any language
    for count in counts.values():
        count[special] = 90
    add_language_tokens(model, tokenizer, counts, start=start, least=least)
    rows = language_rows_of(model, tokenizer, counts)
    for row, count in zip(rows, clean.values(), strict=False):
        assert_close(row, mean_by_hand(words, count, start, clean.values(), least), rtol=1e-5, atol=1e-6)
    assert_close(rows[3], rows[:3].mean(0), rtol=1e-5, atol=1e-6)


def test_a_language_without_pieces_of_its_own_starts_at_all_it_has(loaded):
    model, tokenizer = loaded
    size = len(tokenizer)
    shared = torch.zeros(size, dtype=torch.long)
    shared[20:30] = 10
    words = model.get_input_embeddings().weight.detach().clone()
    counts = {"en": 9 * shared, "de": shared}
    add_language_tokens(model, tokenizer, counts, start="exclusive_mean")
    assert_close(model.get_input_embeddings().weight[size + 1], words[20:30].mean(0))


def test_random_starts_are_as_wide_as_words_and_follow_the_seed(loaded, counts):
    rows = []
    for _ in range(2):
        model, tokenizer = load(loaded[0].config.name_or_path)
        torch.manual_seed(1)
        add_language_tokens(model, tokenizer, counts, start="random")
        rows.append(language_rows_of(model, tokenizer, counts)[:-1])
    assert rows[0].equal(rows[1])
    ratio = rows[0].std() / model.get_input_embeddings().weight[: vocabulary_size(tokenizer)].std()
    assert ratio.item() == pytest.approx(1, rel=0.3)


def test_a_vocabulary_matrix_larger_than_the_tokenizer_does_not_shrink(xlmr_folder):
    model, tokenizer = load(xlmr_folder)
    model.resize_token_embeddings(len(tokenizer) + 64, mean_resizing=False)
    before = model.get_input_embeddings().weight.detach().clone()
    counts = {"en": torch.ones(len(before), dtype=torch.long)}
    add_language_tokens(model, tokenizer, counts, start="type_mean", least=1)
    after = model.get_input_embeddings().weight
    assert len(after) == len(before)
    assert after[: len(tokenizer) - 2].equal(before[: len(tokenizer) - 2])


def test_languages_without_a_token_are_unknown(loaded):
    assert known_languages(loaded[1], ["en", "de"]) == {}


# The masked-word head


def test_transform_and_matrix_are_the_models_own_head(loaded, sentences):
    model, tokenizer = loaded
    batch = tokenizer(sentences["de"][:5], padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model.base_model(**batch).last_hidden_state
        output = model.get_output_embeddings()
        logits = word_transform(model)(states) @ output.weight.T + output.bias
        expected = model(**batch).logits
    assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    assert expected.std() > 0.1


def test_an_unknown_head_is_refused_with_the_other_choice(family_folder):
    encoder = AutoModel.from_pretrained(family_folder)
    with pytest.raises(DataError, match=r"no known form.*align\.word_head=layer_norm"):
        word_transform(encoder)


def test_the_heads_own_parameters_are_what_the_encoder_lacks(loaded):
    model, _ = loaded
    head = head_parameters(model)
    rows = loaded[0].get_input_embeddings().num_embeddings
    assert {tuple(parameter.shape) for parameter in head} <= {(32,), (32, 32), (rows,)}
    assert len(head) + len(list(model.base_model.parameters())) == len(list(model.parameters()))
    unused_head(model)
    assert not any(parameter.requires_grad for parameter in head)
    assert all(parameter.requires_grad for parameter in model.base_model.parameters())
    assert model.get_output_embeddings().weight.requires_grad
