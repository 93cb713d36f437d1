"""A decoder that knows a sentence by its vector alone; the encoder is kept, the decoder is not."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

LANGUAGE_DIM = 32  # as published


class TranslationDecoder(nn.Module):
    """An LSTM that writes a sentence's translation, as LASER's does.

    At every step it reads the word before, the sentence's vector and the language that is to be
    written; its state begins as a linear map of the vector (Artetxe and Schwenk 2019,
    arXiv:1812.10464, section 3). What it cannot read in these it does not know of the sentence.

    Args:
        dim: width of sentence vectors, and of its own states.
        word_dim: width of the words' embeddings.
        languages: that it may have to write.
        layers: of the LSTM.
    """

    def __init__(self, dim: int, word_dim: int, languages: Sequence[str], *, layers: int) -> None:
        super().__init__()
        self.number = {language: number for number, language in enumerate(languages)}
        self.language = nn.Embedding(len(languages), LANGUAGE_DIM)
        self.start = nn.Linear(dim, 2 * layers * dim)
        self.lstm = nn.LSTM(word_dim + dim + LANGUAGE_DIM, dim, layers, batch_first=True)

    def forward(
        self, vector: Float[Tensor, "batch dim"], words: Float[Tensor, "batch length word_dim"], language: str
    ) -> Float[Tensor, "batch length dim"]:
        """States after each word, from which the next one is predicted.

        Args:
            vector: of the sentences that are translated.
            words: embeddings of the translations' words so far.
            language: of the translations.
        """
        rows, length, _ = words.shape
        fixed = torch.cat([vector, self.language.weight[self.number[language]].expand(rows, -1)], -1)
        hidden, cell = self.start(vector).view(rows, 2, self.lstm.num_layers, -1).permute(1, 2, 0, 3).contiguous()
        read = torch.cat([words, fixed[:, None].expand(-1, length, -1)], -1)
        states: Tensor = self.lstm(read, (hidden, cell))[0]
        return states
