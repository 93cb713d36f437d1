"""Whatever lies in a file, reading it ends in rows or in a message, soon and in little memory.

Three bursts of it: each form with a few seeds, what was found before (``corpus/<form>/*``, named like the file that
is read), and hours of it: ``make test-long`` goes on for ``MLALIGN_FUZZ_SECONDS`` (60), from the seed at which the last
run on this machine stopped, which pytest's cache knows (``--cache-clear``: from 0). A failure names form and seed, and
``python -m fuzz.keep FORM SEED``, called in ``tests``, puts the files into the corpus.
"""

import dataclasses
import os
import resource
import shutil
import signal
import time
from pathlib import Path

import pytest
from fuzz.forms import FORMS
from fuzz.mutation import damaged

from mlalign.errors import UserError

HERE = Path(__file__).parent
SECONDS = 30  # a case takes milliseconds
MEMORY = 3 << 30  # bytes of the process, libraries included


def texts(value):
    """Every text in what was read."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for one in dataclasses.fields(value):
            yield from texts(getattr(value, one.name))
    elif isinstance(value, dict):
        yield from texts([*value, *value.values()])
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from texts(one)


def too_long(*_):
    raise TimeoutError(f"not read in {SECONDS} seconds")


def outcome(name, path):
    """What is wrong with how a file was read; None for rows that can be written, or a message."""
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        for text in texts(FORMS[name].read(path)):
            text.encode()
    except UserError as error:
        return None if str(error).strip() and len(str(error)) < 10_000 else "a message of no use"
    except Exception as error:  # all others are findings
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return None if peak < MEMORY else f"{peak} bytes of memory"


def findings(name, seed, folder):
    """What is wrong with how the files of a form are read that this seed damages."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = damaged(name, seed)
    for one, content in files.items():
        (folder / one).write_bytes(content)
    found = outcome(name, folder / next(iter(files)))
    return [] if found is None else [f"{found}\n    keep it: cd tests && python -m fuzz.keep {name!r} {seed}"]


@pytest.mark.parametrize("name", FORMS)
def test_files_as_they_should_be_are_read(name, tmp_path):
    files = FORMS[name].pack(FORMS[name].files)
    for one, content in files.items():
        (tmp_path / one).write_bytes(content)
    FORMS[name].read(tmp_path / next(iter(files)))


@pytest.mark.parametrize("name", FORMS)
def test_damaged_files_end_in_rows_or_a_message(name, tmp_path):
    found = [one for seed in range(30) for one in findings(name, seed, tmp_path / "files")]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "case", sorted((HERE / "corpus").glob("*/*/")), ids=lambda case: f"{case.parent.name}-{case.name}"
)
def test_what_was_found_before_is_mended(case):
    form = next(name for name in FORMS if name.replace(" ", "_") == case.parent.name)
    first = next(iter(FORMS[form].pack(FORMS[form].files)))
    assert outcome(form, case / first) is None


@pytest.mark.long
def test_hours_of_damage(tmp_path, request):
    seed = first = request.config.cache.get("fuzz/next", 0)
    end = time.monotonic() + float(os.environ.get("MLALIGN_FUZZ_SECONDS", "60"))
    found = []
    while time.monotonic() < end:
        found += [one for name in FORMS for one in findings(name, seed, tmp_path / "files")]
        seed += 1
        request.config.cache.set("fuzz/next", seed)
    print(f"\nseeds {first} to {seed - 1} of {len(FORMS)} forms, {len(found)} findings")
    assert not found, "\n".join(found)
