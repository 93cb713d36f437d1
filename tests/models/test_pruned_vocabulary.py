"""Without the pieces that a text does not use its tokens, vectors and word scores are the same."""

import random

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch.testing import assert_close
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from mlalign.data.sequences import SequenceBuilder
from mlalign.models.backbone import load_backbone
from mlalign.models.pruned_vocabulary import kept_ids, pruned_from, write_pruned
from mlalign.models.vocabulary_head import untrained_head

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def pruned(whole, folder, texts):
    """Both backbones and the ids that the smaller one has of the larger one's."""
    model, tokenizer = load_backbone(whole, attention="eager")
    used = {one for ids in SequenceBuilder(tokenizer, {}, max_length=99).words(texts) for one in ids}
    kept = kept_ids(tokenizer, used)
    write_pruned(model, tokenizer, kept, folder)
    return load_backbone(whole, attention="eager"), load_backbone(folder, attention="eager"), kept


def inputs(tokenizer, texts):
    layout = SequenceBuilder(tokenizer, {}, max_length=99)
    return layout.batch([layout.single(one, "en") for one in layout.words(texts)])


def test_vectors_and_word_scores_are_the_same(family_folder, tmp_path, sentences):
    texts = [one for language in sentences.values() for one in language[:2]]
    (model, tokenizer), (small, cut), kept = pruned(family_folder, tmp_path, texts)
    assert len(kept) == len(cut) == small.config.vocab_size < len(tokenizer)
    assert cut.convert_ids_to_tokens(range(len(kept))) == tokenizer.convert_ids_to_tokens(kept)
    before, after = inputs(tokenizer, texts), inputs(cut, texts)
    assert torch.tensor(kept)[after.input_ids].equal(before.input_ids)
    assert all(one.equal(two) for one, two in zip(before[1:3], after[1:3], strict=True))
    with torch.no_grad():
        found, expected = (
            one.double().eval()(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=True
            )
            for one, batch in ((small, after), (model, before))
        )
    assert_close(found.hidden_states, expected.hidden_states, rtol=0, atol=1e-12)
    assert_close(found.logits, expected.logits[..., kept], rtol=0, atol=1e-12)
    for one, other in zip(small.parameters(), model.parameters(), strict=True):
        assert one.shape[1:] == other.shape[1:]


def test_transformers_open_it_with_its_own_tokenizer(family_folder, tmp_path, sentences):
    texts = sentences["ru"][:7]
    _, (small, cut), _ = pruned(family_folder, tmp_path, texts)
    tokenizer, model = AutoTokenizer.from_pretrained(tmp_path), AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    theirs, ours = tokenizer(texts, padding=True, return_tensors="pt"), inputs(cut, texts)
    assert theirs["input_ids"].equal(ours.input_ids)
    two = tokenizer(texts[0], texts[1])["input_ids"]  # the pair's frame has its new ids, too
    assert two.count(cut.sep_token_id) >= 2
    assert [one for one in two if one not in cut.all_special_ids] == [
        one for text in texts[:2] for one in SequenceBuilder(cut, {}, max_length=99).words([text])[0]
    ]
    with torch.no_grad():
        assert_close(model(**theirs).logits, small.eval()(**theirs).logits)
    assert pruned_from(model) == len(load_backbone(family_folder, attention="eager")[1])


def test_other_text_is_cut_into_known_letters(family_folder, tmp_path, sentences):
    (_, tokenizer), (_, cut), _ = pruned(family_folder, tmp_path, sentences["en"][:3])
    for text in sentences["ru"][::10]:
        ids = SequenceBuilder(cut, {}, max_length=99).words([text])[0]
        whole = SequenceBuilder(tokenizer, {}, max_length=99).words([text])[0]
        assert len(ids) >= len(whole)
        assert ids.count(cut.unk_token_id) <= whole.count(tokenizer.unk_token_id)


def test_a_head_without_weights_has_none_in_the_folder(minilm_folder, xlmr_folder, tmp_path, sentences):
    tokenizer_folder = {"attention": "eager", "tokenizer_folder": xlmr_folder}
    model, tokenizer = load_backbone(minilm_folder, **tokenizer_folder)
    names = [len(one.shape) for one in untrained_head(model)]
    write_pruned(model, tokenizer, kept_ids(tokenizer, range(50)), tmp_path)
    assert [len(one.shape) for one in untrained_head(load_backbone(tmp_path, attention="eager")[0])] == names != []


def learned(kind, texts, seed):
    """A tokenizer of one kind, as it is trained on texts, with letters that it does not know."""
    if kind == "unigram":
        trained = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False)
    elif kind == "bpe":
        trained = Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer = trainers.BpeTrainer(vocab_size=90, special_tokens=SPECIAL, show_progress=False)
    else:
        trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        trainer = trainers.WordPieceTrainer(vocab_size=110, special_tokens=SPECIAL, show_progress=False)
    if seed % 2:
        trained.normalizer = normalizers.Lowercase()
    trained.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if kind == "wordpiece" else pre_tokenizers.Metaspace()
    trained.train_from_iterator(texts, trainer)
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=trained, **{f"{name}_token": one for name, one in names.items()})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordpiece"])
def test_any_text_is_cut_as_before_whatever_other_pieces_are_gone(kind, seed, tmp_path):
    draw = random.Random(seed)

    def text(letters):
        return " ".join("".join(draw.choices(letters, k=draw.randrange(1, 9))) for _ in range(6))

    tokenizer = learned(kind, [text("abAcd") for _ in range(150)], seed)
    tokenizer.save_pretrained(tmp_path / "whole")
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    BertForMaskedLM(config).save_pretrained(tmp_path / "whole")
    sizes = set()
    for number in range(3):
        texts = [text("abAcdxß") for _ in range(1 + 4 * number)]
        (_, whole), (_, cut), kept = pruned(tmp_path / "whole", tmp_path / str(number), texts)
        sizes.add(len(kept))
        for one in texts:
            assert cut.tokenize(one) == whole.tokenize(one)
    assert min(sizes) < len(tokenizer)
