"""Parallel text for a price: a sample of what is here, or sentences of a stated length for what is not."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from datasets import Dataset, Features
from transformers import PreTrainedTokenizerBase

from mlalign.config.enums import Links
from mlalign.config.frozen import freeze
from mlalign.config.schema import Train
from mlalign.data.links import Found, with_links
from mlalign.data.parallel import HASHES
from mlalign.data.sampling import POOL
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.text import count_lines
from mlalign.data.token_cache import BEYOND, FEATURES, Tokenised
from mlalign.progress import bar
from mlalign.stages.parallel_text import ParallelText

SAMPLE = 5000  # pairs of each language that are tokenised, or so many batches:
LEAST = 4
TYPICAL = 39  # tokens of a sentence, the mean of 48 real ones: benchmarks/results/paper_step.json


class SampledText(ParallelText):
    """What is here: every line is read, and the first pairs of each language are tokenised into a scratch folder.

    Links are made up, word by word: a step costs the same with them, and finding them can take hours.

    Args:
        scratch: a folder that is deleted.
    """

    def __init__(self, config: Train, scratch: Path) -> None:
        self.most, self.least = config.data.max_pairs, LEAST * config.align.batch_size
        self.sample = max(SAMPLE, self.least)
        most = min(self.sample, self.most or self.sample)
        data = replace(config.data, cache=str(scratch / "cache"), max_pairs=most, links=Links.none)
        self.is_linked = config.data.links != Links.none
        super().__init__(freeze(replace(config, data=data)))

    @cached_property
    def lines(self) -> dict[str, int]:
        """Language -> pairs in its files.

        Raises:
            DataError: a line is not as its format says.
        """
        found = {}
        for language, paths in self.files.items():
            shown = bar(
                self.config.trainer.progress,
                f"reading {self.pivot}-{language}",
                lambda paths=paths: sum(map(count_lines, paths)),
            )
            found[language] = sum(1 for path in paths for _ in shown(self.pairs_in(path)))
        return found

    def tables(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, Tokenised]:
        """As many pairs of a language beside the others' as the whole files have; all where there are few."""
        found, lines = super().tables(tokenizer), self.lines
        if self.is_linked:
            found = {language: with_links(table, _word_by_word, "priced") for language, table in found.items()}
        largest = min(max(lines.values()), self.most or max(lines.values()))
        if largest <= self.sample:
            return found
        return {
            language: _cut(table, max(self.least, round(len(table) * min(1.0, lines[language] / largest))))
            for language, table in found.items()
        }

    def pairs(self, tables: Mapping[str, Tokenised]) -> dict[str, int]:
        """Language -> pairs that are left of all by the filters, as far as the sample tells."""
        found = {}
        for language, table in tables.items():
            read = len(table) + sum(table.dropped.values())
            kept = len(table) + table.dropped.get(BEYOND, 0)  # by the other filters
            found[language] = round(max(self.lines[language], read) * kept / read)
        return {language: min(number, self.most or number) for language, number in found.items()}


def _word_by_word(table: Tokenised) -> Found:
    """Links of each place with the same one on the other side."""
    sizes = np.minimum(table.source_lengths, table.target_lengths).astype(np.int64)
    places = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.stack([places, places], axis=1).astype(np.int32), sizes


def _cut(table: Tokenised, pairs: int) -> Tokenised:
    """The first pairs of a table."""
    return replace(
        table,
        rows=table.rows.select(range(min(pairs, len(table)))),
        source_lengths=table.source_lengths[:pairs],
        target_lengths=table.target_lengths[:pairs],
        source_keys=table.source_keys[:pairs],
    )


class MadeUpText(ParallelText):
    """What is not here: sentences of one length in every language that is asked for, linked word by word.

    Args:
        length: of every sentence, special tokens included.
    """

    def __init__(self, config: Train, length: int) -> None:
        super().__init__(config)
        self.length = min(length, config.align.max_length)

    @cached_property
    def languages(self) -> list[str]:
        """Those asked for; one, where that is left to the files."""
        return list(self.config.data.languages or ["xx"])

    def tables(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, Tokenised]:
        """A pool of batches for every language, the same ids for all."""
        words = self.length - SequenceBuilder(tokenizer, {}, max_length=self.length).overhead
        pairs, ids = POOL * self.config.align.batch_size // 8, np.arange(words) % len(tokenizer)
        keys = np.arange(2 * pairs) * (HASHES // (2 * pairs))
        columns = {
            "source": [ids] * pairs,
            "target": [ids] * pairs,
            "source_key": keys[::2],
            "target_key": keys[1::2],
            "links": [np.arange(words).repeat(2)] * pairs,
        }
        features = Features({**FEATURES, "links": FEATURES["source"]})
        rows = Dataset.from_dict(columns, features=features).with_format("arrow")
        lengths = np.full(pairs, words, np.int32)
        return {one: Tokenised(one, rows, lengths, lengths, keys[::2], {}, {}, self.pivot) for one in self.languages}
