"""All text that a run may read, and a backbone that has the pieces of that text alone."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, get_args

from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.data.languages import ENGLISH
from mlalign.data.lexicon import Lexicon
from mlalign.data.readers import PartName, TaggedSentence
from mlalign.data.readers.records import texts_of
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.trees import read_trees
from mlalign.errors import DataError
from mlalign.finetuning.building import task_files
from mlalign.models.backbone import load_backbone
from mlalign.models.pruned_vocabulary import kept_ids, write_pruned
from mlalign.stages.dictionary import lexicon_of
from mlalign.stages.parallel_text import ParallelText

log = logging.getLogger(__name__)

AT_ONCE = 1000  # texts that are cut
Texts = tuple[Sequence[str], None] | tuple[Sequence[Sequence[str]], str]  # running, or words and their language


class RunText:
    """Parallel text, every part of the task, dictionaries and trees; labels are dropped in the readers."""

    def __init__(self, config: Train, parallel: ParallelText) -> None:
        self.config, self.parallel = config, parallel

    @cached_property
    def beside(self) -> list[Texts]:
        """All but the parallel text."""
        config, found = self.config, list[Texts]()
        files = task_files(config)
        for language in dict.fromkeys([ENGLISH, files.source, *files.languages, *files.shots]):
            for part in get_args(PartName):
                folder, form = files.place(language, part)
                if language in form.languages(folder, part):
                    examples = files.read_text(language, part).examples
                    found.append((list(chain.from_iterable(map(texts_of, examples))), None))
                    words = [one.words for one in examples if isinstance(one, TaggedSentence)]
                    found += [(words, language)] if words else []
        if config.data.lexicon is not None:
            targets = [one for one in files.languages if files.scored_language(one) != ENGLISH]
            languages = list(dict.fromkeys([*self.parallel.languages, *targets]))
            lexicon: Lexicon = lexicon_of(config, self.parallel, languages)
            for translations in lexicon.values():
                found.append((list(chain(translations, *translations.values())), None))
        if config.data.trees is not None:
            found.append(([one.words for one in read_trees(Path(config.data.trees))], ENGLISH))
        return found

    @cached_property
    def identity(self) -> str:
        """The same for the same text."""
        digest = hashlib.sha256()
        for texts, language in self.beside:
            digest.update(repr((language, texts)).encode())
        return fingerprint([list(self.parallel.hashes.values()), digest.hexdigest()])

    def cut(self, *builders: SequenceBuilder) -> Iterator[tuple[list[int], ...]]:
        """The ids that each of several tokenizers cuts each text into."""
        sentences = self.parallel.sentences(None)
        while some := list(islice(sentences, AT_ONCE)):
            yield from zip(*(one.words(some) for one in builders), strict=True)
        for texts, language in self.beside:
            for start in range(0, len(texts), AT_ONCE):
                yield from zip(*(_cut(texts[start : start + AT_ONCE], language, one) for one in builders), strict=True)

    def prune(self, source: Path, folder: Path, *, called: str, tokenizer_folder: Path | None) -> None:
        """Write a backbone without the pieces that this text does not use.

        Args:
            called: what messages call the backbone.
            tokenizer_folder: of the whole tokenizer, where it is another.

        Raises:
            DataError: the backbone cannot be loaded, or its tokenizer is of no kind that can be pruned or cuts the text
                in another way than before.
        """
        model, tokenizer = load_backbone(source, attention="eager", called=called, tokenizer_folder=tokenizer_folder)
        whole, pieces = SequenceBuilder(tokenizer, {}, max_length=0), tokenizer.get_vocab()
        kept = kept_ids(tokenizer, set(chain.from_iterable(ids for (ids,) in self.cut(whole))))
        write_pruned(model, tokenizer, kept, folder)
        del model
        pruned = SequenceBuilder(load_backbone(folder, attention="eager", called=called)[1], {}, max_length=0)
        new = {old: place for place, old in enumerate(kept)}
        expected = {piece: new[old] for piece, old in pieces.items() if old in new}
        if pruned.tokenizer.get_vocab() != expected or any(
            [new[one] for one in ids] != cut for ids, cut in self.cut(whole, pruned)
        ):
            without = "without the pieces that the text of this run does not use its tokenizer cuts that text otherwise"
            raise DataError(f"{called}: {without}; set backbone.prune_vocabulary=false")
        log.info("%s: %s of %s pieces occur and are kept", called, f"{len(kept):,}", f"{len(pieces):,}")


def _cut(texts: Sequence[Any], language: str | None, builder: SequenceBuilder) -> list[list[int]]:
    if language is None:
        return builder.words(texts)
    return [list(chain.from_iterable(words)) for words in builder.split_words(texts, language)]
