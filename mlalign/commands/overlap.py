"""Whether texts that runs are scored on stand in the parallel text that they read."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mlalign.config.commands import Overlap
from mlalign.config.identity import fingerprint
from mlalign.config.schema import Train
from mlalign.data.languages import ENGLISH, codes_of, is_code, spoken
from mlalign.data.overlap import Found, find_overlap, sides_of
from mlalign.data.readers.records import texts_of
from mlalign.files import write_whole
from mlalign.finetuning.building import task_files
from mlalign.metrics.tasks import task_metrics
from mlalign.progress import bar
from mlalign.reporting import strict_json
from mlalign.reporting.results import Results, changed_files
from mlalign.reporting.runs import Run, find_runs
from mlalign.reporting.tables import aligned
from mlalign.stages.preparation import prepare_sample
from mlalign.stages.reopen import config_of
from mlalign.wording import plural

WORST = 3  # texts of a language that are written


def check_overlap(settings: Overlap) -> None:
    """Print for every language how much of what is scored stands in what was aligned on, the pivot's included.

    Runs that ask the same, as seeds do, are answered once.

    Raises:
        DataError: there are no runs, or a file of their task is not there.
        SystemExit: with status 1, where a language has more such texts than allowed or a file is not what was read.
    """
    faults: list[str] = []
    worst: list[str] = []
    for run in distinct(find_runs(settings.overlap)):
        config = config_of(run.results, run.folder)
        prepare_sample(config)
        print(f"\n{run.folder}: {run.results.task}, {run.results.split}, in {', '.join(config.data.parallel)}")
        faults += changed_files(run.results)
        table: list[tuple[str, ...]] = [("", "texts", "whole", f"{settings.ngram}-grams", "either", "largest share")]
        for language, found in overlap_of(run.results, config, settings.ngram):
            touched = [one for one in found if one.seen is not None]
            if len(touched) > settings.allowed * len(found):
                faults.append(
                    f"{run.folder}: {len(touched):,} of {plural(len(found), 'text')} in {language} stand there"
                )
            shares = [one.share for one in found if one.share is not None]
            numbers = len(found), sum(one.is_whole for one in found), sum(map(bool, shares)), len(touched)
            table.append((language, *(f"{number:,}" for number in numbers), f"{max(shares, default=0):.2f}"))
            touched.sort(key=Found.rank, reverse=True)
            worst += [example(run.folder, language, one) for one in touched[:WORST]]
        print("\n".join(aligned(table)) if len(table) > 1 else "no parallel text was read in a language of the task")
    if settings.output is not None:
        write_whole(Path(settings.output), "".join(f"{line}\n" for line in worst))
        print(f"\nwritten  {settings.output}")
    if faults:
        print("", *faults, sep="\n")
        sys.exit(1)


def distinct(runs: Iterable[Run]) -> Iterator[Run]:
    """The first of those that score the same texts and read the same parallel files."""
    asked = set()
    for run in runs:
        found, config = run.results, run.results.config
        read = {path: found.data.get(path) for paths in found.parallel.values() for path in paths}
        name = fingerprint([config["task"], config["data"]["root"], found.split, list(found.scores), read])
        if name not in asked:
            asked.add(name)
            yield run


def overlap_of(results: Results, config: Train, words: int) -> Iterator[tuple[str, list[Found]]]:
    """Each language that is scored and was aligned on, the pivot first, and what of its texts stands there."""
    texts, pivot = scored_texts(results, config), config.data.pivot
    for language in bar(config.trainer.progress, "comparing")(sorted(texts, key=lambda one: (one != pivot, one))):
        paths = paths_of(language, results.parallel, pivot)
        if paths:
            side = int(language != pivot)
            sentences = sides_of(paths, side, config.data.on_bad_line, pivot)
            yield language, find_overlap(texts[language], sentences, language, words)


def scored_texts(results: Results, config: Train) -> dict[str, list[str]]:
    """Language -> its different texts of the scored part, and those of the pivot; labels are dropped in the reader."""
    config = replace(config, task=replace(config.task, languages=list(results.scores)))
    files = task_files(config, learned=False, scored=results.split)
    is_bilingual = task_metrics()[results.metric].is_bilingual
    pivot = config.data.pivot
    of_pivot = codes_of(pivot, files.format.languages(files.folder, results.split))
    if of_pivot and not is_bilingual and spoken(pivot) not in map(spoken, files.languages):
        config.task.languages = [*files.languages, of_pivot[0]]
        files = task_files(config, learned=False, scored=results.split)
    found: dict[str, dict[str, None]] = {}
    for language in files.languages:
        called = next((one for one in (ENGLISH, pivot) if spoken(files.scored_language(language)) == one), language)
        for example in files.read_text(language, files.scored_part(language)).examples:
            texts = texts_of(example)
            for one, text in zip((ENGLISH, called) if is_bilingual else [called] * len(texts), texts, strict=True):
                found.setdefault(one, {})[text] = None
    return {language: list(texts) for language, texts in found.items()}


def paths_of(language: str, parallel: Mapping[str, Sequence[str]], pivot: str) -> list[Path]:
    """The parallel files that are there and may hold a language: the pivot is in all, no code may be any."""
    alike = [one for one in parallel if language == pivot or spoken(one) == spoken(language) or not is_code(one)]
    return [path for one in alike for name in parallel[one] if (path := Path(name)).is_file()]


def example(folder: Path, language: str, found: Found) -> str:
    """A line of JSON."""
    path, text = found.seen or (None, None)
    content = {"run": str(folder), "language": language, "share": found.share, "whole": found.is_whole}
    return strict_json.dumps({**content, "text": found.text, "aligned": text, "file": path})
