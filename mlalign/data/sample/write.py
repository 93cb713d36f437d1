"""Writes the sample: every file from a stream of choices of its own."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.lexicon import LANGUAGES
from mlalign.data.sample.questions import FILES, questions
from mlalign.data.sample.tasks import PARTS, TASKS, Language, task_path
from mlalign.data.sample.translations import translations
from mlalign.progress import Progress

Sizes = tuple[int, int, int]


def write_sample(
    root: Path,
    *,
    seed: int,
    pairs: int = 6000,
    documents: Sizes = (1000, 300, 400),
    paraphrases: Sizes = (3000, 300, 400),
    sentences: Sizes = (2000, 300, 400),
    questions: Sizes = (1200, 200, 200),
    progress: Progress = lambda files: files,
) -> None:
    """Write parallel text and four tasks, all at once: the folder is complete or not there.

    Args:
        root: the folder to make; one that is there is replaced.
        seed: other seeds give other sentences from the same words.
        pairs: sentence pairs per language.
        documents: of MLDoc: English train, dev and test per language.
        paraphrases: pairs of PAWS-X, likewise.
        sentences: of PAN-X, likewise.
        questions: of SQuAD's train and dev, in English, and of XQuAD per language.
        progress: wraps the files to be written, to show how far it is.
    """
    sizes = {"mldoc": documents, "pawsx": paraphrases, "panx": sentences, "xquad": questions}
    root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    unfinished.chmod(0o755)  # mkdtemp keeps others out
    try:
        for name, lines in progress(list(files(seed, pairs, sizes))):
            path = unfinished / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines()), encoding="utf-8", newline="\n")
        shutil.rmtree(root, ignore_errors=True)
        unfinished.rename(root)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def files(seed: int, pairs: int, sizes: dict[str, Sizes]) -> Iterator[tuple[str, Callable[[], Iterable[str]]]]:
    """Yield every file's name and what makes its lines, the tasks first.

    The parallel files must come after the sentences of tasks: they leave out what these say.
    """
    languages = {code: Language(code) for code in LANGUAGES}
    for task, make in TASKS.items():
        for code, language in languages.items():
            for part, count in zip(PARTS[task], sizes[task], strict=True):
                if part.startswith("train") and code != "en":
                    continue
                name = task_path(task, code, part)
                yield name, partial(make, language, Choices(seed, name), count)
    english = languages["en"]
    for code in LANGUAGES[1:]:
        name = f"parallel/sample/en-{code}.tsv"
        streams = Choices(seed, name), Choices(seed, "parallel")
        yield name, partial(translations, english, languages[code], *streams, pairs)
    for part, count in zip(FILES, sizes["xquad"], strict=True):
        for code in LANGUAGES if part == "test" else ("en",):
            name = f"tasks/xquad/{FILES[part].format(code)}"
            yield name, partial(questions, code, Choices(seed, name), count)
