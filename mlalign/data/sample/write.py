"""Writes the sample: every file from a stream of choices of its own."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mlalign.data.readers import PartName
from mlalign.data.sample.choices import Choices
from mlalign.data.sample.dictionary import word_pairs
from mlalign.data.sample.lexicon import LANGUAGES
from mlalign.data.sample.questions import questions
from mlalign.data.sample.tasks import FORMATS, TASKS, Language, Row
from mlalign.data.sample.translations import translations
from mlalign.data.sample.trees import treebank
from mlalign.files import replacing
from mlalign.progress import Progress

PARTS: tuple[PartName, ...] = ("train", "dev", "test")
TREES, TREE_DOCUMENTS = "trees/en.conllu", 150
Sizes = tuple[int, int, int]
UNLABELLED = {"mldoc": 1000, "pawsx": 500, "panx": 500}  # rows of a target language's train part, at most


def write_sample(
    root: Path,
    *,
    seed: int,
    pairs: int = 6000,
    documents: Sizes = (1000, 300, 400),
    paraphrases: Sizes = (3000, 300, 400),
    sentences: Sizes = (2000, 300, 400),
    questions: Sizes = (1200, 200, 200),
    beside: Sequence[tuple[str, str]] = (),
    progress: Progress = lambda files: files,
) -> None:
    """Write parallel text, four tasks, a dictionary and trees, all at once: the folder is complete or not there.

    Args:
        root: the folder to make; one that is there is replaced.
        seed: other seeds give other sentences from the same words.
        pairs: sentence pairs per language.
        documents: of MLDoc: English train, dev and test per language.
        paraphrases: pairs of PAWS-X, likewise.
        sentences: of PAN-X, likewise.
        questions: of SQuAD's train and dev, in English, and of XQuAD per language.
        beside: names and texts of further files.
        progress: wraps the files to be written, to show how far it is.
    """
    sizes = {"mldoc": documents, "pawsx": paraphrases, "panx": sentences, "xquad": questions}
    with replacing(root) as unfinished, without_collector():
        added: list[tuple[str, Callable[[], Iterable[str]]]] = [(name, partial(iter, [text])) for name, text in beside]
        for name, lines in progress([*files(seed, pairs, sizes), *added]):
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines()), encoding="utf-8", newline="\n")


@contextmanager
def without_collector() -> Iterator[None]:
    """Plans and words hold no cycles; to look for some among millions of them takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def files(seed: int, pairs: int, sizes: dict[str, Sizes]) -> Iterator[tuple[str, Callable[[], Iterable[str]]]]:
    """Yield every file's name and what makes its lines, the tasks first.

    The parallel files must come after the sentences of tasks: they leave out what these say. What
    is said of English train or of a test part in another language comes after that part.
    """
    languages = {code: Language(code) for code in LANGUAGES}
    planned: dict[str, list[Row]] = {}

    def path(task: str, part: PartName, code: str) -> str:
        return f"tasks/{task}/{TASKS[task].format.name(part, code)}"

    def part(task: str, code: str, number: int) -> tuple[str, Callable[[], Iterable[str]]]:
        name, count = path(task, PARTS[number], code), sizes[task][number]
        count = min(count, UNLABELLED[task]) if number == 0 and code != "en" else count

        def lines() -> Iterable[str]:
            planned[name] = TASKS[task].plan(languages[code], Choices(seed, name), count)
            return TASKS[task].lines(languages[code], planned[name])

        return name, lines

    def translated(task: str, original: str, code: str) -> Iterable[str]:
        return TASKS[task].lines(Language(code), planned[original])

    for task in TASKS:
        for code in languages:
            for number in range(0 if code == "en" else 1, 3):
                yield part(task, code, number)
    english = languages["en"]
    for code in LANGUAGES[1:]:
        name = f"parallel/sample/en-{code}.tsv"
        streams = Choices(seed, name), Choices(seed, "parallel")
        yield name, partial(translations, english, languages[code], *streams, pairs)
    for which, count in zip(PARTS, sizes["xquad"], strict=True):
        for code in LANGUAGES if which == "test" else ("en",):
            name = f"tasks/xquad/{FORMATS['squad'].name(which, code)}"
            yield name, partial(questions, code, Choices(seed, name), count)
    for task in TASKS:
        for code in LANGUAGES[1:]:
            yield part(task, code, 0)
            train = path(task, "train", "en")
            yield path(task, "translated_train", code), partial(translated, task, train, code)
            if "translated_test" in TASKS[task].format.names:  # tags of English words are not those of the language's
                test = path(task, "test", code)
                yield path(task, "translated_test", code), partial(translated, task, test, "en")
    for code in LANGUAGES[1:]:
        yield f"lexicon/en-{code}.tsv", partial(dictionary, code)
    yield TREES, partial(treebank, Choices(seed, TREES), TREE_DOCUMENTS)


def dictionary(language: str) -> Iterator[str]:
    """Yield ``English<TAB>translation`` lines."""
    for english, other in word_pairs(language):
        yield f"{english}\t{other}\n"
