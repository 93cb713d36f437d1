"""An encoder with fusions and prototypes that do something, and what it reads."""

from dataclasses import dataclass
from typing import Any

import torch

from mlalign.data.sequences import SequenceBuilder
from mlalign.models.backbone import add_language_tokens, known_languages, load_backbone
from mlalign.models.encoder import Encoder
from mlalign.models.fusion import AttentionFusion
from mlalign.models.prototypes import LanguagePrototypes


@dataclass
class Made:
    """An encoder and what it reads."""

    encoder: Encoder
    layout: SequenceBuilder
    tokenizer: Any

    def batch(self, texts, language="de"):
        words = self.layout.words(texts)
        return self.layout.batch([self.layout.single(one, language) for one in words])


def make(folder, pool="mean", sentence=True, word=True, form="gated", **loading):
    """Two fusions and prototypes that do something."""
    model, tokenizer = load_backbone(folder, attention="sdpa", **loading)
    counts = {name: torch.ones(len(tokenizer), dtype=torch.long) for name in ("en", "de", "ru")}
    torch.manual_seed(0)
    add_language_tokens(model, tokenizer, counts, start="random")
    prototypes = LanguagePrototypes(["en", "de", "ru"], 32)
    for name in ("en", "de"):
        prototypes.finalise(name, torch.randn(32))
    fusions = [AttentionFusion(32, temperature=2.0, form=form) for _ in range(2)]
    for fusion in fusions:
        for parameter in fusion.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    encoder = Encoder(
        model,
        pool=pool,
        sentence_fusion=fusions[0] if sentence else None,
        word_fusion=fusions[1] if word else None,
        prototypes=prototypes if sentence else None,
    )
    layout = SequenceBuilder(tokenizer, known_languages(tokenizer, list(counts)), max_length=128)
    return Made(encoder.eval(), layout, tokenizer)


def represent(made, batch, representation, language="de"):
    with torch.no_grad():
        partner = None if made.encoder.prototypes is None else made.encoder.prototypes.of(language)
        return made.encoder.represent(batch, partner=partner, representation=representation)
