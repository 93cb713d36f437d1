"""The parallel text that a configuration names: its files, their sentences and their tokens."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from mlalign.config.enums import Links
from mlalign.config.schema import Train
from mlalign.data.coverage import TEXTS, Coverage, coverage
from mlalign.data.languages import ENGLISH, canonical, codes_of, nearest, unlike
from mlalign.data.links import MODEL1, model1_links, with_links
from mlalign.data.manifest import FILE as MANIFEST
from mlalign.data.markup import has_entity, tell_of_entities
from mlalign.data.parallel import MakeView, ParallelDataModule
from mlalign.data.readers import find_corpora, one_code_each, parallel_path, read_pairs
from mlalign.data.readers.parallel import called, is_reversed, other_side
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.swapped_columns import ColumnWords, find_swapped
from mlalign.data.text import count_lines, read_lines
from mlalign.data.token_cache import Filter, Tokenised, tokenise
from mlalign.device import padding_multiple
from mlalign.errors import DataError
from mlalign.files import JsonObject, sha256_of
from mlalign.models.backbone import known_languages
from mlalign.progress import bar
from mlalign.training.computing import takes_gpu
from mlalign.wording import plural

log = logging.getLogger(__name__)

TOKENIZER_PAIRS = 10_000  # of every file


class ParallelText:
    """Parallel files by language, looked for when they are first asked for."""

    def __init__(self, config: Train) -> None:
        self.config, self.root, self.pivot = config, Path(config.data.root), config.data.pivot

    @cached_property
    def languages(self) -> list[str]:
        """Target languages: those asked for, or all that the named corpora hold, each by one of its codes there.

        Raises:
            DataError: a file has the pivot on both sides, or a corpus two files of one language.
        """
        if self.config.data.languages is not None:
            return list(self.config.data.languages)
        found: dict[str, str] = {}
        corpora = find_corpora(self.root, self.pivot)
        for name in self.config.data.parallel:
            by_language = one_code_each(self.root / "parallel" / name, corpora.get(name, []), self.pivot)
            if self.pivot in by_language:
                raise DataError(
                    f"{self.root / 'parallel' / name}: expected {called(self.pivot)} and another language, found "
                    f"{self.pivot}-{by_language[self.pivot]}.tsv; remove it, or name the target languages with "
                    "data.languages"
                )
            found |= {one: code for one, code in by_language.items() if one not in found or code == one}
        return sorted(found.values())

    @cached_property
    def corpora(self) -> dict[str, list[str]]:
        """Language -> the named corpora that hold it.

        Raises:
            DataError: a corpus is missing, or a language is in none of them.
        """
        there, named = find_corpora(self.root, self.pivot), self.config.data.parallel
        for name in named:
            if name not in there:
                parallel_path(self.root, name, self.languages[0] if self.languages else "xx", self.pivot)
        holding = {language: [name for name in named if codes_of(language, there[name])] for language in self.languages}
        for language, names in holding.items():
            if not names:
                parallel_path(self.root, named[0], language, self.pivot)
        return holding

    @cached_property
    def files(self) -> dict[str, list[Path]]:
        """Language -> its parallel files."""
        return {
            language: [parallel_path(self.root, name, language, self.pivot) for name in names]
            for language, names in self.corpora.items()
        }

    @property
    def paths(self) -> dict[str, list[str]]:
        """Language -> the paths of its parallel files, as results name them."""
        return {language: list(map(str, paths)) for language, paths in self.files.items()}

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Path -> SHA-256 of every parallel file."""
        return {path: sha256_of(Path(path)) for paths in self.paths.values() for path in paths}

    @property
    def identity(self) -> dict[str, list[str]]:
        """Language -> SHA-256 of its parallel files."""
        return {language: [self.hashes[path] for path in paths] for language, paths in self.paths.items()}

    def pairs_in(self, path: Path, dropped: Counter[str] | None = None) -> Iterator[tuple[str, str]]:
        """The pairs of one of the files, the pivot first; what is left out is counted in ``dropped``."""
        counts: Counter[str] = Counter() if dropped is None else dropped
        return read_pairs(path, on_bad_line=self.config.data.on_bad_line, dropped=counts, pivot=self.pivot)

    def sentences(self, most: int | None = TOKENIZER_PAIRS) -> Iterator[str]:
        """Both sides of the first pairs of every file, as many as a tokenizer is trained on; None for all."""
        dropped: Counter[str] = Counter()
        for path in bar(self.config.trainer.progress, "reading")(self.hashes):
            for pair in islice(self.pairs_in(Path(path), dropped), most):
                yield from pair

    def coverage(self, builder: SequenceBuilder) -> dict[str, Coverage]:
        """Language -> how the tokenizer covers the first sentences of its first file; the pivot beside the first."""
        found: dict[str, Coverage] = {}
        for language, (path, *_) in self.files.items():
            pairs = list(islice(self.pairs_in(path), TEXTS))
            for place, one in enumerate((self.pivot, language)):
                if one not in found:
                    found[one] = coverage((pair[place] for pair in pairs), one, builder, str(path))
        return found

    def tables(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, Tokenised]:
        """Tokenised pairs of every target language, from the cache where they are in it.

        Raises:
            DataError: there is no language, or a file breaks its format.
        """
        data, is_shown, tables = self.config.data, self.config.trainer.progress, dict[str, Tokenised]()
        layout = SequenceBuilder(tokenizer, {}, max_length=self.config.align.max_length)
        for language, names in self.corpora.items():
            name = f"{self.pivot}-{language}"
            tables[language] = tokenise(
                self.root,
                names,
                language,
                layout=layout,
                keep=Filter(data.min_tokens, layout.budget - 1, data.max_ratio, data.max_pairs),
                on_bad_line=data.on_bad_line,
                cache=Path(data.cache) / "tokens",
                progress=bar(is_shown, f"tokenising {name}", lambda of=self.files[language]: sum(map(count_lines, of))),
                pivot=self.pivot,
            )
            if data.links == Links.ibm1:
                shown = bar(is_shown, f"linking words of {name}")
                tables[language] = with_links(tables[language], partial(model1_links, progress=shown), MODEL1)
        if not tables:
            raise DataError(f"{self.root}: no languages in {data.parallel}")
        return tables

    def log_left_out(self, tables: Mapping[str, Tokenised]) -> None:
        """Say how many pairs of each language are not in its table, and why."""
        for language, table in tables.items():
            for reason, count in table.dropped.items():
                log.info("%s-%s: %s left out: %s", self.pivot, language, plural(count, "pair"), reason)

    def data_of(
        self, tables: Mapping[str, Tokenised], layout: SequenceBuilder, views: Mapping[str, MakeView], **of_a_run: int
    ) -> ParallelDataModule:
        """Tokenised pairs as data of a run, of a single pair where nothing is trained on them."""
        shares = {"exponent": self.config.data.sampling_exponent, "held_out": self.config.data.held_out}
        settings: JsonObject = {"pairs": 1, "batches": 1, "seed": 0, **shares, **of_a_run}
        return ParallelDataModule(tables, layout, views, **settings)

    def layout(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> SequenceBuilder:
        """Of sentences of a tokenizer that knows the language tokens."""
        multiple = padding_multiple(gpu=takes_gpu(self.config))
        return SequenceBuilder(tokenizer, self.language_tokens(tokenizer), max_length=max_length, multiple=multiple)

    def language_tokens(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
        """Language -> id of its token, the pivot included; empty for a method without language tokens."""
        wanted = [*self.languages, self.pivot] if self.config.method.language_tokens else []
        return known_languages(tokenizer, wanted) if wanted else {}

    def lacking(self, tested: Sequence[str]) -> list[str]:
        """Which tested languages have no token and prototype of their own; logs it, and what goes by two codes."""
        found = unlike(tested, self.languages, self.pivot)
        for warning in found:
            log.warning("%s", warning)
        for language in tested:
            like = nearest(language, self.languages)
            if like is not None and like != language and canonical(like) == canonical(language):
                log.info("%s of the parallel text is taken as %s of the task: the same language", like, language)
        return found

    def log_files(self) -> tuple[dict[str, int], list[str]]:
        """Log which files are read, which hold HTML entities or look swapped, and which are not read.

        Returns:
            Path -> lines of each file that is read; warnings of those that look swapped.
        """
        lines, columns, called_so = dict[str, int](), dict[Path, ColumnWords](), called(self.pivot)
        for language, paths in self.files.items():
            for path in paths:
                columns[path] = ColumnWords(language, is_reversed(path, self.pivot))
                read = columns[path].counting(content for _, content in read_lines(path))
                found = Counter(map(has_entity, read))
                lines[str(path)] = found.total()
                log.info("%s-%s: %s in %s", self.pivot, language, plural(found.total(), "pair"), path)
                tell_of_entities(path, found[True], found.total())
        swapped = [
            f"{path}: its columns look swapped: of the words where {columns[path].language} should be {other:.0%} are "
            f"in the {called_so} of the other languages' files, of those where {called_so} should be {pivot:.0%}; look "
            "at the file, and swap its columns"
            for path, (pivot, other) in find_swapped(columns).items()
        ]
        for warning in swapped:
            log.warning("%s", warning)
        for one in self.ignored():
            log.info("Ignored: %s", one)
        return lines, swapped

    def ignored(self) -> Iterator[str]:
        """Files in the folders of the named corpora that are not read, with the reason."""
        used = {path for paths in self.files.values() for path in paths}
        held = find_corpora(self.root, self.pivot)
        for corpus in self.config.data.parallel:
            folder, unwanted = self.root / "parallel" / corpus, list[str]()
            for path in sorted(folder.iterdir()):
                if path in used or path.name == MANIFEST or path.name.startswith("."):
                    continue
                name = path.name.removesuffix(".gz").removesuffix(".tsv")
                if path.is_file() and other_side(path.name, self.pivot) in held[corpus]:
                    unwanted.append(path.name)
                elif self.pivot == ENGLISH and name.endswith("-en"):
                    yield f"{path} (expected en-{name.removesuffix('-en')}.tsv, the English side first)"
                else:
                    yield f"{path} (expected {self.pivot}-<language>.tsv or {self.pivot}-<language>.tsv.gz)"
            if unwanted:
                yield f"{', '.join(unwanted)} of {folder} (not in data.languages)"
