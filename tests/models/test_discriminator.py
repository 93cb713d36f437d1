"""The player that guesses the language."""

import torch
from beartype import beartype
from jaxtyping import jaxtyped

from mlalign.losses import discriminator_loss
from mlalign.models import LanguageDiscriminator


def test_gives_one_logit_a_vector():
    discriminator = LanguageDiscriminator(6, hidden=3)
    forward = jaxtyped(LanguageDiscriminator.forward, typechecker=beartype)
    assert forward(discriminator, torch.randn(5, 6)).shape == (5,)
    assert forward(discriminator, torch.randn(1, 6)).shape == (1,)


def test_hidden_layers_are_as_wide_as_the_vectors_unless_told():
    sizes = {tuple(p.shape) for p in LanguageDiscriminator(6).parameters() if p.dim() == 2}
    assert sizes == {(6, 6), (1, 6)}


def test_length_and_offset_of_the_vectors_tell_it_nothing():
    discriminator = LanguageDiscriminator(6).eval()
    vectors = torch.randn(5, 6)
    logits = discriminator(vectors)
    torch.testing.assert_close(discriminator(100 * vectors + 7), logits, rtol=1e-4, atol=1e-5)


def test_learns_to_tell_two_languages_apart():
    torch.manual_seed(0)
    discriminator = LanguageDiscriminator(8, dropout=0.0)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    source, target = torch.randn(64, 8) + torch.arange(8) / 2, torch.randn(64, 8)
    for _ in range(60):
        optimizer.zero_grad()
        discriminator_loss(discriminator(source), discriminator(target)).backward()
        optimizer.step()
    assert (discriminator(source) > 0).float().mean() > 0.9
    assert (discriminator(target) < 0).float().mean() > 0.9


def test_guesses_for_a_vector_do_not_depend_on_its_batch():
    discriminator = LanguageDiscriminator(6).eval()
    vectors = torch.randn(5, 6)
    torch.testing.assert_close(discriminator(vectors)[2:3], discriminator(vectors[2:3]))
