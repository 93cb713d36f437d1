"""Vectors of sentences and words from the encoders of runs, and of the texts that figures show."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from mlalign.data.languages import ENGLISH, writes_spaces
from mlalign.data.lexicon import word_pairs
from mlalign.data.readers import LabelledText
from mlalign.data.sample.dictionary import noun_pairs
from mlalign.data.sample.lexicon import LANGUAGES
from mlalign.data.sequences import SPACE
from mlalign.errors import ConfigError, DataError
from mlalign.metrics.language_probe import language_probe
from mlalign.metrics.retrieval import retrieval_accuracy
from mlalign.models.subwords import mean_pool
from mlalign.reporting.recorded import TOPICS
from mlalign.stages.before_after import Ready
from mlalign.stages.reopen import load_run
from mlalign.tasks.data import scored_part
from mlalign.wording import plural

Array = np.ndarray
Encoders = Mapping[str, Callable[[], Ready]]  # panel -> what opens its encoder
FEWEST, MOST = 4, 9  # words of a pair that is chosen for the reader
BATCH = 128  # words
LONGEST = 25  # words of a pair that a reader chooses
EXAMPLE = 'pair=\'["A sentence.","Ein Satz."]\''


def pair_vectors(
    encoders: Encoders, language: str, pair: list[str] | None
) -> tuple[tuple[list[str], list[str]], dict[str, tuple[Array, Array]]]:
    """Words of a sentence and of its translation, and every encoder's vectors of them.

    Args:
        pair: both texts, or None for a held-out pair.

    Raises:
        ConfigError: other than two texts, or one that is empty or too long for a figure.
    """
    if pair is not None and len(pair) != 2:
        expected = "expected an English sentence and its translation"
        raise ConfigError(f"pair: {expected}, found {plural(len(pair), 'text')}; type {EXAMPLE}")
    first = next(iter(encoders.values()))()
    source, target = pair or _held_out_pair(first, language)
    tokenizer, pivot = first.layout.tokenizer, first.run.config.data.pivot
    words = _words(source, pivot, tokenizer), _words(target, language, tokenizer)
    for text, found in zip((source, target), words, strict=True):
        if not 0 < len(found) <= LONGEST:
            raise ConfigError(f"pair: {text!r} has {plural(len(found), 'word')}, expected 1 to {LONGEST}")
    vectors = {}
    for name, opened in encoders.items():
        ready, sides = opened(), zip(words, (pivot, language), strict=True)
        one, other = (sentence_and_words(ready, side, of, language) for side, of in sides)
        vectors[name] = one, other
    return words, vectors


def _held_out_pair(ready: Ready, language: str) -> tuple[str, str]:
    """The first one that is neither very short nor too long to be read in a figure."""
    tokenizer = ready.layout.tokenizer
    for batch in (one for one in ready.held_out() if one.language == language):
        for row in range(len(batch.source_keys)):
            sides = (batch.source, batch.target)
            texts = [str(tokenizer.decode(side.input_ids[row][side.is_content_token[row]])).strip() for side in sides]
            sizes = [len(_words(text, of, tokenizer)) for text, of in zip(texts, (batch.pivot, language), strict=True)]
            if min(sizes) >= FEWEST and max(sizes) <= MOST:
                return texts[0], texts[1]
    raise DataError(f"no held-out pair of {FEWEST} to {MOST} words in {language}; give one with {EXAMPLE}")


def _words(text: str, language: str, tokenizer: object) -> list[str]:
    """At spaces; where a language writes none, as the tokenizer cuts."""
    if writes_spaces(language):
        return text.split()
    pieces = tokenizer.tokenize(text)  # type: ignore[attr-defined]  # any fast tokenizer
    return [word for piece in pieces if (word := piece.replace(SPACE, "").removeprefix("##"))]


def words_of_languages(
    encoders: Encoders, words: int, *, seed: int
) -> tuple[dict[str, tuple[Array, float]], list[str]]:
    """Clouds of subwords, the same ones from every encoder, and how well a probe tells languages."""
    clouds: dict[str, tuple[Array, float]] = {}
    languages: list[str] = []
    for name, opened in encoders.items():
        vectors, languages, subwords = word_cloud(opened(), words)
        probe = language_probe(vectors, languages, subwords, seed=seed)
        clouds[name] = vectors, 100 * probe.balanced_accuracy
    return clouds, languages


def translations(
    encoders: Encoders, language: str, path: Path | None, most: int
) -> tuple[dict[str, tuple[Array, Array, float]], list[tuple[str, str]]]:
    """Words and their translations by every encoder, and how many find their own.

    Args:
        path: lines as of a dictionary; None for the sample's nouns.
        most: pairs at most, spread evenly over the list.

    Raises:
        ConfigError: no file is named, and the sample does not know the language.
        DataError: a line of the file is no pair.
    """
    if path is None and language not in LANGUAGES:
        known = f"only the sample's languages ({', '.join(LANGUAGES[1:])}) have a dictionary here"
        raise ConfigError(f"language={language}: name a file of English, tab, translation with words=FILE; {known}")
    listed = noun_pairs(language) if path is None else _first_translations(path)
    places = np.linspace(0, len(listed) - 1, min(most, len(listed))).astype(int)
    words = [listed[place] for place in places]
    found = {}
    for name, opened in encoders.items():
        ready = opened()
        source = words_alone(ready, [one for one, _ in words], ENGLISH)
        target = words_alone(ready, [other for _, other in words], language)
        both = retrieval_accuracy(torch.from_numpy(source), torch.from_numpy(target))
        found[name] = source, target, 50 * sum(both)
    return found, words


def _first_translations(path: Path) -> list[tuple[str, str]]:
    pairs: dict[str, str] = {}
    for word, translation in word_pairs(path):
        pairs.setdefault(word, translation)
    return list(pairs.items())


def documents(folder: Path, language: str, most: int, *, seed: int) -> tuple[Array, list[str]]:
    """Test texts as the task's head sees them, and their gold labels.

    Args:
        folder: of a run that kept its weights.
        most: texts at most, sampled at random.

    Raises:
        ConfigError: the task's texts have no labels, or the weights were not kept.
        DataError: the test file is not there any more.
    """
    run = load_run(folder)
    if not run.module.task.metric.has_labels:
        raise ConfigError(
            f"figure=tsne_classes shows texts by label, and the texts of {run.config.task.name} have none; "
            "name runs of another task"
        )
    part, batches = scored_part(run.module.task, run.files, run.layout, language)
    vectors = np.zeros((len(part.examples), run.encoder.dim), dtype=np.float32)
    with torch.no_grad():
        for batch in batches:
            vectors[batch.examples] = run.module.represent(batch).sentence.float().numpy()
    names = [TOPICS.get(label, label) for label in run.config.task.labels]
    labels = [names[one.label] for one in part.examples if isinstance(one, LabelledText)]
    chosen = np.sort(np.random.default_rng(seed).permutation(len(labels))[:most])
    return vectors[chosen], [labels[place] for place in chosen]


@torch.no_grad()
def word_cloud(ready: Ready, words: int) -> tuple[Float[Array, "n d"], list[str], list[int]]:
    """Vectors of every language's most frequent subwords, each averaged over its sentences.

    The average leaves what a subword has in all its contexts (Vulić et al. 2020, arXiv:2010.05731); a single occurrence
    tells much of its place in the sentence.

    Args:
        ready: no fusion touches its vectors.
        words: of each language at most.

    Returns:
        The vectors, their languages (the pivot first), and their ids, by which a subword that two share is known.
    """
    found: dict[str, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
    for batch in ready.held_out():
        for language, subwords in ((batch.pivot, batch.source), (batch.language, batch.target)):
            states, ids = found.setdefault(language, ([], []))
            states.append(ready.encoder(subwords)[subwords.is_content_token].float())
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
def words_alone(ready: Ready, words: Sequence[str], language: str) -> Float[Array, "n d"]:
    """The vector of each word, or short phrase, by itself: the mean of its subwords."""
    vectors, layout = [], ready.layout
    for start in range(0, len(words), BATCH):
        pieces = layout.words(words[start : start + BATCH])
        subwords = layout.batch([layout.single(ids, language) for ids in pieces])
        vectors.append(mean_pool(ready.encoder(subwords), subwords.is_content_token).float())
    return torch.cat(vectors).numpy()


@torch.no_grad()
def sentence_and_words(ready: Ready, words: Sequence[str], language: str, target: str) -> Float[Array, "n d"]:
    """The fused vector of a sentence, and behind it the fused vectors of its words.

    Args:
        target: the target language of the pair, see ``Encoder.embed``.
    """
    layout = ready.layout
    pieces = layout.split_words([words], language)[0]
    subwords = layout.batch([layout.single([one for word in pieces for one in word], language)])
    seen = ready.encoder.embedded(subwords, target, language)
    states = seen.words[0][subwords.is_content_token[0]].float()
    of_word = torch.arange(len(words)).repeat_interleave(torch.tensor([*map(len, pieces)]))
    vectors = [states[of_word[: len(states)] == place].mean(0) for place in range(len(words))]
    return torch.stack([seen.sentence[0].float(), *vectors]).numpy()
