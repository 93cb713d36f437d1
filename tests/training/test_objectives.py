"""The losses of a pair of languages."""

import pytest
import torch
from training.toy import batches, built, exact

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.registry import LEVELS, OBJECTIVES, build_objectives
from mlalign.losses import (
    inter_sentence_loss,
    intra_sentence_loss,
    masked_word_loss,
    word_distribution_loss,
)


@pytest.fixture(scope="module")
def pair(toy):
    module, data = built(toy)
    exact(module)
    return EncodedBatch(batches(data, 1)[0], module.encoder, module.head, keys=module.keys, partnered=True)


def test_sentence_losses_see_fused_vectors_and_who_says_the_same(pair):
    pair.same = torch.zeros(8, 8, dtype=torch.bool)
    pair.same[0, 3] = True
    settings = {"similarity": "cosine", "temperature": 0.2}
    both = pair.source.sentence, pair.target.sentence
    torch.testing.assert_close(
        OBJECTIVES["inter_sentence"](pair, margin=0.1, **settings),
        inter_sentence_loss(*both, same=pair.same, margin=0.1, **settings),
    )
    torch.testing.assert_close(
        OBJECTIVES["intra_sentence"](pair, exclude_self=True, **settings),
        intra_sentence_loss(*both, exclude_self=True, **settings),
    )


def known(head):
    """Weight and bias of the words, without those of language tokens."""
    return head.weight[: len(head)], head.bias[: len(head)]


def test_masked_words_of_both_languages_add_up(pair):
    expected = sum(
        masked_word_loss(
            pair.hidden_words(side),
            *known(pair.head),
            side.side.original[side.side.hidden],
        )
        for side in pair.sides
    )
    found = build_objectives({"masked_words": {"chunk_size": None}})["masked_words"](pair)
    torch.testing.assert_close(found, expected)


def test_every_language_predicts_the_original_words_of_the_other(pair):
    def one(side, partner):
        is_content_token = partner.side.subwords.is_content_token
        rows = [int(row) for row, _ in is_content_token.nonzero()]
        return word_distribution_loss(
            pair.distribution_words(side, torch.ones_like(side.is_hidden)),
            side.sentence_of_word,
            *known(pair.head),
            partner.side.original[is_content_token],  # masked words count as what they were
            torch.tensor(rows),
            sentences=8,
            smoothing_mass=0.05,
        )

    settings = {"every": 1, "smoothing_mass": 0.05, "prediction": "mixture"}
    found = build_objectives({"word_distribution": settings})["word_distribution"](pair)
    expected = one(pair.source, pair.target) + one(pair.target, pair.source)
    torch.testing.assert_close(found, expected)


def test_every_other_pair_alone_can_enter_the_word_distribution(pair):
    """The mean over rows 0, 2, 4 and 6 only, in both directions."""

    def one(side, partner):
        words, theirs = (one.sentence_of_word % 2 == 0 for one in (side, partner))
        return word_distribution_loss(
            pair.distribution_words(side, torch.ones_like(words))[words],
            side.sentence_of_word[words] // 2,
            *known(pair.head),
            partner.word_ids[theirs],
            partner.sentence_of_word[theirs] // 2,
            sentences=4,
            smoothing_mass=0.05,
        )

    settings = {"every": 2, "smoothing_mass": 0.05}
    found = build_objectives({"word_distribution": settings})["word_distribution"](pair)
    torch.testing.assert_close(found, one(pair.source, pair.target) + one(pair.target, pair.source))


def test_only_what_is_named_is_built():
    names = ["masked_words", "intra_sentence", "word_distribution"]
    built_ones = build_objectives({name: {} for name in names})
    assert set(built_ones) == set(names)
    assert set(build_objectives({name: {} for name in LEVELS})) == set(LEVELS) - {"adversarial"}
    assert build_objectives({"adversarial": {}}) == {}  # the language level plays by itself
