"""A stage that needs no backbone: word vectors from running text, brought into one space by a dictionary."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from mlalign.config.enums import Stage, VectorForm
from mlalign.config.identity import fingerprint, recipe_of
from mlalign.config.plain import plain
from mlalign.config.schema import Train
from mlalign.cost import Cost, cbow_operations
from mlalign.data.languages import nearest, writes_spaces
from mlalign.data.lexicon import INDUCED, Lexicon, Translations, require_dictionary
from mlalign.data.parallel import pivot_of
from mlalign.data.reads import PARALLEL, SIDES
from mlalign.data.token_cache import Tokenised
from mlalign.distributed import is_rank_zero
from mlalign.errors import ConfigError, DataError
from mlalign.files import JsonObject
from mlalign.models.backbone import language_token
from mlalign.models.cca import canonical_map
from mlalign.models.word_encoder import WordEncoder
from mlalign.models.word_tokenizer import INSIDE, SPECIAL, add_languages, grams, with_pieces, word_tokenizer
from mlalign.progress import bar
from mlalign.stages.cbow import Cbow, Rows, RunningText, WindowSampler, train_cbow
from mlalign.stages.dictionary import lexicon_of
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.stage import EncoderStage, files_of
from mlalign.wording import plural

log = logging.getLogger(__name__)

TRANSLATIONS = 5  # of a word into a language, at most
SHARED = 2  # words of a language that an n-gram is in, at least


@dataclass(frozen=True)
class WordTable:
    """Which row the vector of a form in a language has."""

    languages: list[str]  # the pivot, English, first
    rows: Rows  # ``[languages, ids]``; 0 for forms that a language does not have often enough
    bounds: list[tuple[int, int]]  # of each language, the first of its rows and the first that is not
    tokens: int  # of the running text, those of unknown words included

    def rows_of(self, language: str, expressions: list[str], tokenizer: PreTrainedTokenizerFast) -> list[list[int]]:
        """The rows of the words of each expression; empty where one of them is not known."""
        rows = self.rows[self.languages.index(language)]
        ids = tokenizer(expressions, add_special_tokens=False)["input_ids"] if expressions else []
        found = [rows[np.array(one, np.int64)].tolist() for one in ids]
        return [one if all(one) else [] for one in found]


class VectorStage(EncoderStage):
    """Makes word vectors of all languages by CBOW with negative sampling, from no backbone.

    With ``vectors.form=multi_cca`` each language is learned by itself and then mapped onto English, which stays as
    it is; with ``joint_subword`` a word is also told by its translations, and has the mean of its n-grams' vectors.
    The sides of the parallel text are read as unpaired sentences.
    """

    name = Stage.vectors

    @staticmethod
    def require(config: Train, text: ParallelText) -> None:
        """Look for the dictionary."""
        choice = config.data.lexicon
        there = set(require_dictionary(choice, config.data.root, "method.stages=[vectors]").values())
        if choice == INDUCED:
            if together := [language for language in text.languages if not writes_spaces(language)]:
                raise ConfigError(
                    f"data.lexicon=induced: {', '.join(together)} writes no spaces between words, so that no "
                    "dictionary can be learned; name a file or folder, or choose other languages with data.languages"
                )
            return
        missing = [language for language in text.languages if nearest(language, there) is None]
        if missing:
            raise DataError(
                f"data.lexicon={choice}: method.stages=[vectors] needs a dictionary of English with "
                f"{', '.join(missing)}, found {', '.join(sorted(there))}; add files, or choose "
                "other languages with data.languages"
            )

    @cached_property
    def recipe(self) -> JsonObject:
        """Everything that the vectors follow from."""
        data = self.config.data
        read = ("on_bad_line", "max_pairs", "min_tokens", "max_ratio")
        settings = {
            **{f"vectors.{key}": value for key, value in plain(self.config.vectors).items()},
            **{f"data.{key}": getattr(data, key) for key in read},
            "align.max_length": self.config.align.max_length,
            "align.seed": self.seed,
        }
        lexicon, text = fingerprint(self.lexicon), self.text.identity
        return recipe_of(settings, stage=self.name.value, lexicon=lexicon, text=text)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The dictionaries that ``data.lexicon`` names."""
        return lexicon_of(self.config, self.text)

    def make(self, folder: Path, resume_from: Path) -> None:
        """Learn the vectors and fill a folder; nothing is resumed."""
        if not is_rank_zero():
            return
        started = time.perf_counter()
        settings = self.config.vectors
        tokenizer = word_tokenizer(self.text.sentences(None), least=settings.min_count, most=settings.vocabulary)
        tables = self.text.tables(tokenizer)
        self.text.log_left_out(tables)
        table, text = running_text(tables, len(tokenizer), least=settings.min_count)
        log.info("Learning vectors of %s words from %s tokens", f"{table.bounds[-1][1] - 1:,}", f"{table.tokens:,}")
        joint = settings.form == VectorForm.joint_subword
        units = Units(tokenizer, table, with_grams=joint)
        model = Cbow(
            units.of_rows,
            settings.dim,
            regularisation=settings.regularisation if joint else 0.0,
            generator=torch.Generator().manual_seed(self.seed),
        )
        none = np.zeros((0, table.bounds[-1][1], 0), np.int64)
        meanings = translations_of(table, tokenizer, self.lexicon) if joint else none
        sampler = WindowSampler(text, settings, meanings, seed=self.seed)
        epochs = bar(self.config.trainer.progress, "word vectors")(range(settings.epochs))
        windows = train_cbow(model, sampler, epochs)
        with torch.no_grad():
            vectors = model.composed(torch.arange(len(units.of_rows)))
        if not joint:
            vectors = self._mapped(vectors, table, tokenizer)
        encoder, tokenizer = word_encoder(vectors, model.read.weight.detach(), table, tokenizer, units)
        cost = Cost(
            settings.epochs * (int(text.sentence[-1]) + 1),
            settings.epochs * table.tokens,
            cbow_operations(windows, settings.dim, 1 + settings.negatives + joint),
            time.perf_counter() - started,
        )
        choice, learned = self.config.data.lexicon, f"vectors of {table.tokens:,} tokens of the parallel text"
        facts = {
            **{"backbone": None, "computing": {"precision": "32-true"}, "costs": {self.name.value: asdict(cost)}},
            "reads": [PARALLEL if choice == INDUCED else SIDES, "dictionary"],
            "notes": [f"{self.config.method.name}: {learned}; data.lexicon={choice}"],
        }
        self.save(encoder, tokenizer, folder, seconds=cost.seconds, files=files_of(tables), **facts)

    def _mapped(self, vectors: torch.Tensor, table: WordTable, tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
        """The vectors with every language mapped onto English, which is not touched."""
        mapped, dim = vectors.clone(), self.config.vectors.dim
        for language, (first, last) in zip(table.languages[1:], table.bounds[1:], strict=True):
            pairs = pairs_of(table, tokenizer, self.lexicon.get(language, {}), language)
            if len(pairs) <= dim:
                raise DataError(
                    f"data.lexicon={self.config.data.lexicon}: {len(pairs)} of its pairs of English and {language} are "
                    f"words of the parallel text, expected more than vectors.dim={dim}; take a larger "
                    "dictionary, or smaller vectors"
                )
            english, other = (
                torch.stack([vectors[rows].double().mean(0) for rows in side]).numpy()
                for side in zip(*pairs, strict=True)
            )
            onto_english, correlations = canonical_map(other, english)
            mapped[first:last] = torch.from_numpy(onto_english(vectors[first:last].double().numpy())).to(vectors.dtype)
            found = f"{plural(len(pairs), 'pair')}, mean canonical correlation {correlations.mean():.2f}"
            log.info("%s-%s: %s", table.languages[0], language, found)
        return mapped


def running_text(tables: Mapping[str, Tokenised], vocabulary: int, *, least: int) -> tuple[WordTable, RunningText]:
    """The sides of parallel text as text of their languages, in which every sentence of the pivot counts once.

    Args:
        least: occurrences of a word in a language that it has a vector in.
    """
    sides = {pivot_of(tables): _sources(tables.values())} | {
        name: _side(table, "target") for name, table in tables.items()
    }
    rows = np.zeros((len(sides), vocabulary), np.int64)
    bounds, place = [], 1
    for number, (ids, _) in enumerate(sides.values()):
        counts = np.bincount(ids, minlength=vocabulary)
        counts[: len(SPECIAL)] = 0
        (known,) = np.nonzero(counts >= least)
        rows[number, known] = np.arange(place, place + len(known))
        bounds.append((place, place + len(known)))
        place += len(known)
    found = [(rows[number, ids], lengths) for number, (ids, lengths) in enumerate(sides.values())]
    lengths = np.concatenate([one for _, one in found])
    words, sentence = np.concatenate([one for one, _ in found]), np.repeat(np.arange(len(lengths)), lengths)
    is_known = words > 0
    table = WordTable(list(sides), rows, bounds, len(words))
    return table, RunningText(words[is_known], sentence[is_known], bounds)


def _side(table: Tokenised, side: str, chosen: Sequence[int] | Rows | None = None) -> tuple[Rows, Rows]:
    """Ids of all sentences of one side, and how many each has."""
    column = table.take(np.arange(len(table)) if chosen is None else chosen)[side].combine_chunks()
    return column.flatten().to_numpy().astype(np.int64), column.value_lengths().to_numpy().astype(np.int64)


def _sources(tables: Iterable[Tokenised]) -> tuple[Rows, Rows]:
    seen, found = np.zeros(0, np.int64), []
    for table in tables:
        keys, first = np.unique(table.source_keys, return_index=True)
        new = ~np.isin(keys, seen)
        seen = np.union1d(seen, keys)
        found.append(_side(table, "source", np.sort(first[new])))
    ids, lengths = (np.concatenate(part) for part in zip(*found, strict=True))
    return ids, lengths


class Units:
    """What the vectors of words are the means of.

    Args:
        with_grams: whether a word's n-grams are among its units, as far as other words of its language have them.

    Attributes:
        of_rows: ``[rows, most]``; 0 fills up. The first of a row is its own.
        of_grams: language -> n-gram -> its unit.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, table: WordTable, *, with_grams: bool) -> None:
        total = table.bounds[-1][1]
        units = [[row] for row in range(total)]
        self.of_grams: dict[str, dict[str, int]] = {language: {} for language in table.languages}
        next_unit = total
        for number, language in enumerate(table.languages if with_grams else []):
            (ids,) = np.nonzero(table.rows[number])
            parts = {one: grams(word) for one, word in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)}
            counts = Counter(chain.from_iterable(parts.values()))
            shared = [gram for gram, count in counts.items() if count >= SHARED]
            self.of_grams[language] = {gram: next_unit + place for place, gram in enumerate(shared)}
            next_unit += len(shared)
            own = self.of_grams[language]
            for one, of_word in parts.items():
                units[table.rows[number, one]] += [own[gram] for gram in of_word if gram in own]
        self.of_rows = torch.zeros(total, max(map(len, units)), dtype=torch.long)
        for row, found in enumerate(units):
            self.of_rows[row, : len(found)] = torch.tensor(found)


def pairs_of(
    table: WordTable, tokenizer: PreTrainedTokenizerFast, translations: Translations, language: str
) -> list[tuple[list[int], list[int]]]:
    """Rows of English words and of their translations, of which either may be several; those that are known."""
    both = [(word, other) for word, others in translations.items() for other in others]
    english, others = (
        table.rows_of(of, [pair[side] for pair in both], tokenizer)
        for side, of in enumerate((table.languages[0], language))
    )
    return [(one, two) for one, two in zip(english, others, strict=True) if one and two]


def translations_of(table: WordTable, tokenizer: PreTrainedTokenizerFast, lexicon: Lexicon) -> Rows:
    """``[languages, rows, most]``: translations of each row into each language by one word; 0 fills up."""
    total = table.bounds[-1][1]
    found = np.zeros((len(table.languages), total, TRANSLATIONS), np.int64)
    used = np.zeros((len(table.languages), total), np.int64)
    for number, language in enumerate(table.languages[1:], start=1):
        for english, other in pairs_of(table, tokenizer, lexicon.get(language, {}), language):
            for to, row, translation in ((number, english, other), (0, other, english)):
                if len(row) == len(translation) == 1 and used[to, row[0]] < TRANSLATIONS:
                    found[to, row[0], used[to, row[0]]] = translation[0]
                    used[to, row[0]] += 1
    return found


def word_encoder(
    vectors: torch.Tensor, units: torch.Tensor, table: WordTable, tokenizer: PreTrainedTokenizerFast, named: Units
) -> tuple[WordEncoder, PreTrainedTokenizerFast]:
    """The encoder of learned vectors, and the tokenizer that goes with it.

    Args:
        vectors: of the rows.
        units: vectors of the units, those of n-grams behind those of the rows.
    """
    pieces = {gram for of in named.of_grams.values() for gram in of}
    if pieces:
        characters = {character for gram in pieces for character in gram.removeprefix(INSIDE)}
        singles = sorted(characters | {f"{INSIDE}{one}" for one in characters})
        tokenizer = with_pieces(tokenizer, [*sorted(pieces), *singles])
    add_languages(tokenizer, table.languages)
    ids: dict[str, int] = tokenizer.get_vocab()
    encoder = WordEncoder(
        rows=len(units), dim=vectors.shape[1], languages=table.languages, vocabulary=max(ids.values()) + 1
    )
    with torch.no_grad():
        encoder.vectors.weight[len(vectors) :] = units[len(vectors) :]
        encoder.vectors.weight[: len(vectors)] = vectors
        encoder.vectors.weight[0] = 0
    encoder.words[: len(table.languages), : table.rows.shape[1]] = torch.from_numpy(table.rows)
    for number, language in enumerate(table.languages):
        encoder.language_ids[number] = ids[language_token(language)]
        encoder.pieces[number] = encoder.words[number]  # an unknown word may begin with a known one
        for gram, unit in named.of_grams[language].items():
            encoder.pieces[number, ids[gram]] = unit
    inside = [place for token, place in ids.items() if token.startswith(INSIDE) and place >= table.rows.shape[1]]
    encoder.continues[inside] = True
    return encoder, tokenizer
