"""What a task's head sees of a sentence."""

from typing import Any

import pytest
import torch
from torch import Tensor
from training.learned import a_batch, task

# The second key of an English sentence


def test_an_english_sentence_meets_an_aligned_language_in_training(toy):
    module, data = task(toy)
    batch = a_batch(data)
    prototypes = module.encoder.prototypes
    module.train()
    found = torch.cat([module.partner_of(batch) for _ in range(40)])
    shares = {
        language: (found == prototypes.of(language)).all(1).float().mean().item() for language in ("en", "de", "fr")
    }
    assert shares["en"] == 0
    assert shares["de"] + shares["fr"] == 1
    assert 0.4 < shares["de"] < 0.6


def test_english_dev_and_test_meet_the_mean_of_the_aligned_languages(toy):
    for partner in ("sample", "mean"):
        module, data = task(toy, partner=partner)
        module.eval()
        prototypes = module.encoder.prototypes
        expected = (prototypes.of("de") + prototypes.of("fr")) / 2
        torch.testing.assert_close(module.partner_of(a_batch(data)), expected)
    module.train()
    torch.testing.assert_close(module.partner_of(a_batch(data)), expected)


def test_partner_source_is_english_itself(toy):
    module, data = task(toy, partner="source")
    for training in (True, False):
        module.train(training)
        found = module.partner_of(a_batch(data))
        torch.testing.assert_close(found, module.encoder.prototypes.of("en"))


@pytest.mark.parametrize("partner", ["sample", "mean", "source"])
def test_a_target_sentence_meets_its_own_language(toy, partner):
    module, data = task(toy, partner=partner)
    for language in ("de", "fr"):
        found = module.partner_of(a_batch(data, language))
        torch.testing.assert_close(found, module.encoder.prototypes.of(language))


def test_without_a_fusion_there_is_no_partner(toy):
    module, data = task(toy, "mldoc", "method=mlm")
    assert module.partner_of(a_batch(data)) is None


# What the head sees


def fused(fusion: Any, query: Tensor, source_key: Tensor, target_key: Tensor) -> Tensor:
    """Eqs. 4 to 6 one vector at a time, the gated form."""
    rows = []
    for row in query.reshape(-1, query.shape[-1]):
        scores = torch.stack([row @ source_key, row @ target_key]) / fusion.temperature
        share = torch.softmax(scores, 0)
        attended = share[0] * source_key + share[1] * target_key
        mixed = fusion.mix.weight @ torch.cat([row, attended]) + fusion.mix.bias
        rows.append(row + fusion.gate * torch.tanh(mixed))
    return torch.stack(rows).reshape(query.shape)


@pytest.mark.parametrize("name", ["mldoc", "panx"])
@pytest.mark.parametrize("representation", ["prototype", "mixed", "self", "backbone"])
def test_the_head_sees_what_the_method_says(toy, name, representation):
    module, data = task(toy, name, representation=representation)
    module.eval()
    batch = a_batch(data, "de")
    encoder, subwords = module.encoder, batch.subwords
    with torch.no_grad():
        logits = module(batch)
        for row in range(3):
            length = int(subwords.attention_mask[row].sum())
            states = encoder(subwords)[row, :length]
            sentence = states[2 : length - 1].mean(0)  # between the language token and </s>
            english, german = (encoder.prototypes.of(language) for language in ("en", "de"))
            keys = {
                "prototype": (english, german),
                "mixed": (english, states[1]),
                "self": (states[1], states[1]),
            }
            words = states
            if representation != "backbone":
                sentence = fused(encoder.sentence_fusion, sentence, *keys[representation])
                words = fused(encoder.word_fusion, states, sentence, sentence)
            seen = words if name == "panx" else sentence
            expected = seen @ module.head.weight.T + module.head.bias
            found = logits[row, :length] if name == "panx" else logits[row]
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_prediction_does_not_depend_on_its_batch_mates(toy):
    for name in ("mldoc", "panx"):
        module, data = task(toy, name)
        _, loader = data.test_loader("de")
        rows = [row for batch in loader.sampler for row in batch]
        together = module.task.merged(module.eval().predict_step(loader.dataset[rows], 0))
        alone = module.task.merged([p for row in rows for p in module.predict_step(loader.dataset[[row]], 0)])
        if name == "mldoc":
            together, alone = ([one.label for one in side] for side in (together, alone))
        else:
            together, alone = ([[one.tag for one in row] for row in side] for side in (together, alone))
        assert together == alone
