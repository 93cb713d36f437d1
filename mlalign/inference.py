"""Sentence vectors from an aligned folder, fused as alignment left them."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mlalign.data.languages import ENGLISH
from mlalign.data.sequences import SequenceBuilder
from mlalign.errors import DataError
from mlalign.models.backbone import known_languages, languages_of
from mlalign.models.io import load_encoder


class AlignedEncoder:
    """Encodes text of any language.

    Plain transformers and sentence-transformers read the same folder, but know the backbone only:
    what they give is ``representation="backbone"`` here.

    Args:
        folder: that an alignment wrote.
        device: where to run.
        max_length: of a text in subwords, special tokens included; None: what the model takes.

    Raises:
        DataError: the folder is none that an alignment wrote.
    """

    def __init__(self, folder: str | Path, *, device: str = "cpu", max_length: int | None = None) -> None:
        encoder, tokenizer = load_encoder(Path(folder), attention="sdpa")
        self.encoder = encoder.to(device).eval()
        self.languages = languages_of(tokenizer)
        self.layout = SequenceBuilder(
            tokenizer,
            known_languages(tokenizer, self.languages),
            max_length=max_length or tokenizer.model_max_length,
        )

    @torch.inference_mode()
    def encode(
        self,
        texts: Sequence[str] | str,
        language: str,
        *,
        partner: str | None = None,
        representation: str = "prototype",
        batch_size: int = 64,
    ) -> Float[Tensor, "texts dim"]:
        """One vector per text, float32 on the CPU, not normalised.

        Args:
            texts: in one language, or a single one.
            language: of the texts; one that alignment has not seen is treated as unknown.
            partner: with a fusion, the language of the texts that these are compared with, where
                one side is English: it is the second key of both sides. None: the texts' own, and
                for English the mean of all others.
            representation: see ``Encoder.represent``.
            batch_size: texts at a time; similar lengths meet, so that little is padded.

        Raises:
            DataError: no texts.
        """
        if isinstance(texts, str):  # which is a sequence of letters, too
            texts = [texts]
        if not texts:
            raise DataError("encode: no texts; expected at least one")
        words = self.layout.words(texts)
        order = sorted(range(len(texts)), key=lambda row: len(words[row]))
        vectors = torch.empty(len(texts), self.encoder.dim)
        key = self._key(language if partner is None else partner)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = self.layout.batch([self.layout.single(words[row], language) for row in rows])
            moved = batch.to(self.encoder.device)
            found = self.encoder.represent(moved, partner=key, representation=representation, language=language)
            vectors[rows] = found.sentence.float().cpu()
        return vectors

    def _key(self, language: str) -> Tensor | None:
        prototypes = self.encoder.prototypes
        if prototypes is None:
            return None
        if language == ENGLISH:
            return prototypes.mean([one for one in prototypes.languages if one != ENGLISH])
        return prototypes.of(language)
