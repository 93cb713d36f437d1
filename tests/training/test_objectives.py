"""The losses of a pair of languages."""

import pytest
import torch
from training.toy import batches, built, encoded, exact, objective

from mlalign.losses import (
    inter_sentence_loss,
    intra_sentence_loss,
    masked_word_loss,
    word_distribution_loss,
)


@pytest.fixture(scope="module")
def batch(toy):
    module, data = built(toy)
    return encoded(exact(module), batches(data, 1)[0], partnered=True)


@pytest.fixture(scope="module")
def pair(batch):
    return batch.first


def test_sentence_losses_see_fused_vectors_and_who_says_the_same(batch, pair):
    batch.same[0, 3] = True
    settings = {"similarity": "cosine", "temperature": 0.2}
    both = pair.source.sentence, pair.target.sentence
    torch.testing.assert_close(
        objective("inter_sentence", margin=0.1, view="masked", **settings)(batch),
        inter_sentence_loss(*both, same=batch.same, margin=0.1, **settings),
    )
    torch.testing.assert_close(
        objective("intra_sentence", exclude_self=True, view="masked", **settings)(batch),
        intra_sentence_loss(*both, exclude_self=True, **settings),
    )


def known(head):
    """Weight and bias of the words, without those of language tokens."""
    return head.weight[: len(head)], head.bias[: len(head)]


def test_masked_words_of_both_languages_add_up(batch, pair):
    expected = sum(
        masked_word_loss(
            pair.masked_tokens(side),
            *known(pair.head),
            side.given.original[side.given.masked],
        )
        for side in pair.sides
    )
    found = objective("masked_words", chunk_size=None)(batch)
    torch.testing.assert_close(found, expected)


def test_every_language_predicts_the_original_words_of_the_other(batch, pair):
    def one(side, partner):
        is_content_token = partner.given.subwords.is_content_token
        rows = [int(row) for row, _ in is_content_token.nonzero()]
        return word_distribution_loss(
            pair.distribution_tokens(side, torch.ones_like(side.is_masked)),
            side.sentence_of_token,
            *known(pair.head),
            partner.given.original[is_content_token],  # masked words count as what they were
            torch.tensor(rows),
            sentences=8,
            smoothing_mass=0.05,
        )

    found = objective("word_distribution", smoothing_mass=0.05, prediction="mixture")(batch)
    expected = one(pair.source, pair.target) + one(pair.target, pair.source)
    torch.testing.assert_close(found, expected)


def test_every_other_pair_alone_can_enter_the_word_distribution(batch, pair):
    """The mean over rows 0, 2, 4 and 6 only, in both directions."""

    def one(side, partner):
        words, theirs = (one.sentence_of_token % 2 == 0 for one in (side, partner))
        return word_distribution_loss(
            pair.distribution_tokens(side, torch.ones_like(words))[words],
            side.sentence_of_token[words] // 2,
            *known(pair.head),
            partner.token_ids[theirs],
            partner.sentence_of_token[theirs] // 2,
            sentences=4,
            smoothing_mass=0.05,
        )

    found = objective("word_distribution", every=2, smoothing_mass=0.05, prediction="mixture")(batch)
    torch.testing.assert_close(found, one(pair.source, pair.target) + one(pair.target, pair.source))
