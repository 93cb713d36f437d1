"""Vectors of sentences and words from an encoder, for figures."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float

from mlalign.data.parallel import HeldOutBatch
from mlalign.data.sequences import SequenceBuilder
from mlalign.models.subwords import mean_pool
from mlalign.models.task_encoder import TaskEncoder

Array = np.ndarray
BATCH = 128


@torch.no_grad()
def word_cloud(
    encoder: TaskEncoder, batches: Iterable[HeldOutBatch], words: int
) -> tuple[Float[Array, "n d"], list[str], list[int]]:
    """Vectors of every language's most frequent subwords, each averaged over its sentences.

    The average leaves what a subword has in all its contexts (Vulić et al. 2020,
    arXiv:2010.05731); a single occurrence tells much of its place in the sentence.

    Args:
        encoder: in evaluation mode; no fusion touches the vectors.
        batches: of held-out pairs.
        words: of each language at most.

    Returns:
        The vectors, their languages (the pivot first), and their ids, by which a subword that two
        languages share is known.
    """
    found: dict[str, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
    for batch in batches:
        for language, subwords in ((batch.pivot, batch.source), (batch.language, batch.target)):
            states, ids = found.setdefault(language, ([], []))
            states.append(encoder(subwords)[subwords.is_content_token].float())
            ids.append(subwords.input_ids[subwords.is_content_token])
    parts, languages, keys = [], [], []
    for language, (states, ids) in found.items():
        kinds, place, counts = torch.cat(ids).unique(return_inverse=True, return_counts=True)
        sums = torch.zeros(len(kinds), states[0].shape[1]).index_add_(0, place, torch.cat(states))
        chosen = counts.argsort(descending=True, stable=True)[:words]
        parts.append((sums / counts[:, None])[chosen].numpy())
        languages += [language] * len(chosen)
        keys += kinds[chosen].tolist()
    return np.concatenate(parts), languages, keys


@torch.no_grad()
def words_alone(
    encoder: TaskEncoder, layout: SequenceBuilder, words: Sequence[str], language: str
) -> Float[Array, "n d"]:
    """The vector of each word, or short phrase, by itself: the mean of its subwords."""
    vectors = []
    for start in range(0, len(words), BATCH):
        pieces = layout.words(words[start : start + BATCH])
        subwords = layout.batch([layout.single(ids, language) for ids in pieces])
        vectors.append(mean_pool(encoder(subwords), subwords.is_content_token).float())
    return torch.cat(vectors).numpy()


@torch.no_grad()
def sentence_and_words(
    encoder: TaskEncoder, layout: SequenceBuilder, words: Sequence[str], language: str, target: str
) -> Float[Array, "n d"]:
    """The fused vector of a sentence, and behind it the fused vectors of its words.

    Args:
        encoder: in evaluation mode.
        layout: of its sequences.
        words: of the sentence.
        language: of the sentence.
        target: the target language of the pair, see ``Encoder.embed``.
    """
    pieces = layout.split_words([words], language)[0]
    subwords = layout.batch([layout.single([one for word in pieces for one in word], language)])
    seen = encoder.embedded(subwords, target, language)
    states = seen.words[0][subwords.is_content_token[0]].float()
    of_word = torch.arange(len(words)).repeat_interleave(torch.tensor([*map(len, pieces)]))
    vectors = [states[of_word[: len(states)] == place].mean(0) for place in range(len(words))]
    return torch.stack([seen.sentence[0].float(), *vectors]).numpy()
