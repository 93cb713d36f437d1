"""From a release to a prepared file: what is in it, when it is made anew, what a fault leaves."""

import gzip
import hashlib
import json
import multiprocessing
import random
import re
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from data.corpora.made import PAIRS, RULES, moses_zip, tsv
from killed import Killer

from mlalign.data.corpora import preparation, spool
from mlalign.data.corpora.preparation import prepare_corpus
from mlalign.data.corpora.released import Form
from mlalign.data.corpora.sources import OnDisk
from mlalign.data.corpora.spool import Lowest, Spool
from mlalign.data.readers import find_corpora, parallel_path, read_pairs
from mlalign.errors import DataError

LONG = replace(RULES, max_characters=2000)
MANY = [(f"The house number {n} is old.", f"Das Haus Nummer {n} ist alt.") for n in range(400)]


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_the_prepared_corpus_is_read_as_any_other(prepare, tmp_path):
    rows, _ = prepare(moses_zip(tmp_path / "de-en.zip", MANY))
    root = tmp_path / "root"
    assert find_corpora(root) == {"made": ["de"]}
    path = parallel_path(root, "made", "de")
    assert list(read_pairs(path, on_bad_line="error", dropped={})) == rows
    assert sorted(rows) == sorted(MANY)


def test_text_is_cleaned_and_near_copies_are_dropped(prepare, tmp_path):
    copies = [
        ("It rained  in Berlin", "Es regnete in Berlin"),
        ("IT RAINED IN BERLIN!", "es regnete, in Berlin …"),
        ("It rained in Berlin.", "Es hat in Berlin geregnet."),  # another translation
    ]
    rows, entry = prepare(tsv(tmp_path / "x.tsv", [*PAIRS, *copies]))
    assert ("We met & left < early.", "Wir trafen uns & gingen < früh.") in rows
    assert len([row for row in rows if row[0].casefold().startswith("it rained in")]) == 2
    assert (entry["rows_in"], entry["rows"]) == (7, 5)
    assert entry["dropped"] == {"repeated": 2}


def test_the_manifest_tells_where_the_rows_went(prepare, tmp_path):
    place = tsv(tmp_path / "x.tsv", [*MANY, ("same", "Same!"), ("only",), ("", "leer"), MANY[0]])
    rows, entry = prepare(place, on_bad_line="skip", max_pairs=300)
    folder = tmp_path / "root" / "parallel" / "made"
    assert json.loads((folder / "manifest.json").read_text())["files"] == {"en-de.tsv.gz": entry}
    output = (folder / "en-de.tsv.gz").read_bytes()
    assert entry["sha256"] == hashlib.sha256(output).hexdigest()
    content = place.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert entry["inputs"] == {"x.tsv": {"bytes": len(content), "sha256": digest}}
    assert entry["rows_in"] == 404
    assert entry["rows"] == len(rows) == 300
    assert sum(entry["dropped"].values()) == 104
    for reason in ("both sides alike", "wrong number of fields", "empty side"):
        assert entry["dropped"][reason] == 1
    assert entry["recipe"]["source"] == {"x.tsv": digest}
    assert entry["recipe"]["max_pairs"] == 300
    assert entry["recipe"]["rules"] == vars(RULES)
    assert "licence" in entry


@pytest.mark.parametrize("max_pairs", [None, 50])
def test_neither_order_nor_form_of_the_release_changes_a_byte(prepare, tmp_path, monkeypatch, max_pairs):
    monkeypatch.setattr(Lowest, "SPARE", 5)
    rows = [*MANY, *((one.upper(), two) for one, two in MANY[:90]), *MANY[:30]]
    shuffled = random.Random(3).sample(rows, len(rows))
    _, first = prepare(tsv(tmp_path / "a.tsv", rows), max_pairs=max_pairs)
    place = moses_zip(tmp_path / "b.zip", shuffled)
    _, second = prepare(place, root=tmp_path / "elsewhere", max_pairs=max_pairs)
    assert first["sha256"] == second["sha256"]
    assert first["dropped"] == second["dropped"]
    assert first["rows"] == (max_pairs or len(MANY))


def test_a_smaller_sample_is_the_beginning_of_a_larger_one(prepare, tmp_path):
    place = tsv(tmp_path / "x.tsv", MANY)
    whole, _ = prepare(place)
    half, _ = prepare(place, max_pairs=200)
    assert half == whole[:200]
    other, entry = prepare(place, max_pairs=200, seed=2)
    assert 60 < len(set(other) & set(half)) < 140
    assert entry["dropped"] == {"beyond max_pairs": 200}


def test_every_pair_is_as_likely_to_be_in_the_sample(prepare, tmp_path):
    place = tsv(tmp_path / "x.tsv", [*MANY, *MANY[:200]])  # copies give no better chance
    drawn = dict.fromkeys(MANY, 0)
    for seed in range(6):
        for row in prepare(place, max_pairs=100, seed=seed)[0]:
            drawn[row] += 1
    copied = sum(drawn[row] for row in MANY[:200])
    assert copied == pytest.approx(300, abs=4 * (600 * 0.25) ** 0.5)


def test_what_is_prepared_is_left_as_it_is(prepare, tmp_path, monkeypatch):
    place = tsv(tmp_path / "x.tsv", MANY)
    first = prepare(place)
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "read_release", None)
        assert prepare(place) == first


@pytest.mark.parametrize("change", [{"max_pairs": 9}, {"rules": replace(RULES, max_characters=26)}, {"rows": MANY[:9]}])
def test_another_recipe_or_input_is_prepared_anew(prepare, tmp_path, change):
    place = tsv(tmp_path / "x.tsv", MANY)
    prepare(place)
    tsv(place, change.pop("rows", MANY))
    rows, entry = prepare(place, **change)
    assert len(rows) == entry["rows"] < len(MANY)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"half")])
def test_a_file_that_is_not_what_it_was_is_prepared_anew(prepare, tmp_path, harm):
    place = tsv(tmp_path / "x.tsv", MANY)
    before = prepare(place)
    harm(tmp_path / "root" / "parallel" / "made" / "en-de.tsv.gz")
    assert prepare(place) == before


def test_other_languages_are_kept(prepare, tmp_path):
    prepare(tsv(tmp_path / "x.tsv", MANY))
    prepare(tsv(tmp_path / "y.tsv", [("A house.", "Une maison.")]), "fr")
    manifest = json.loads((tmp_path / "root/parallel/made/manifest.json").read_text())
    assert list(manifest["files"]) == ["en-de.tsv.gz", "en-fr.tsv.gz"]


def test_files_of_others_are_not_replaced(prepare, tmp_path):
    own = tsv(tmp_path / "root" / "parallel" / "made" / "en-de.tsv.gz", PAIRS)
    with pytest.raises(DataError, match=r"en-de\.tsv\.gz: a file that was not prepared here"):
        prepare(tsv(tmp_path / "x.tsv", MANY))
    assert own.is_file()


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("where", ["add", "groups"])
def test_an_interruption_leaves_what_was_there(prepare, tmp_path, monkeypatch, fault, where):
    place = tsv(tmp_path / "x.tsv", MANY)
    folder = tmp_path / "root" / "parallel" / "made"
    prepare(place)
    before = snapshot(folder)

    def fail(*_):
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(Spool, where, fail)
        expected = KeyboardInterrupt if fault is KeyboardInterrupt else DataError
        with pytest.raises(expected) as error:
            prepare(place, max_pairs=9)
    if expected is DataError:
        assert re.search(r"No space left .* make room and run the same command again", str(error.value))
    assert snapshot(folder) == before
    assert len(prepare(place, max_pairs=9)[0]) == 9


@pytest.mark.parametrize("power", [False, True], ids=["killed", "without power"])
def test_whatever_event_it_is_killed_at_the_same_command_makes_the_same(prepare, tmp_path, monkeypatch, power):
    monkeypatch.setattr(spool, "FULL", 10)  # bytes, so that buckets are written
    place, at = tsv(tmp_path / "x.tsv", MANY[:4]), 0

    def killed(root, at):
        Killer(root, at, power=power).listen()
        prepare(place, root=root, read=False)

    prepare(place, root=tmp_path / "whole")
    whole = snapshot(tmp_path / "whole" / "parallel" / "made")
    while True:
        at += 1
        root = tmp_path / f"root{at}"
        process = multiprocessing.get_context("fork").Process(target=killed, args=(root, at))
        process.start()
        process.join()
        if process.exitcode == 0:
            break
        prepare(place, root=root)
        left = snapshot(root / "parallel" / "made")
        left.pop(".lock.holder", None)
        assert left == whole
    assert at > 30


def test_a_release_that_cannot_be_read_is_not_taken_for_a_root_that_cannot_be_written(prepare, tmp_path, monkeypatch):
    place = tsv(tmp_path / "x.tsv", MANY)

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("mlalign.data.corpora.sources.sha256_of", denied)
        with pytest.raises(PermissionError, match=r"x\.tsv"):
            prepare(place)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", lambda self, **_: denied(self))
        with pytest.raises(DataError, match=r"root/parallel/made: cannot be written \(Permission.*another data\.root"):
            prepare(place)


def test_it_says_how_it_is_started_again(tmp_path):
    words = ["-m", "mlalign.data.prepare", "data=sample", f"data.root={tmp_path / 'root'}"]
    code = (
        "import runpy, sys; from mlalign.stages import preparation\n"
        "def stop(_): raise KeyboardInterrupt\n"
        "preparation.prepare = stop; sys.argv = ['prepare.py', *sys.argv[3:]]\n"
        "runpy.run_module('mlalign.data.prepare', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert f"The same command resumes: python -m mlalign.data.prepare data=sample data.root={tmp_path}" in done.stderr


def test_leavings_of_a_killed_process_are_cleared(prepare, tmp_path):
    work = tmp_path / "root" / "parallel" / "made" / ".en-de.partial" / "spool"
    work.mkdir(parents=True)
    (work / "00").write_bytes(b"\x01garbage")
    rows, _ = prepare(tsv(tmp_path / "x.tsv", MANY))
    assert sorted(rows) == sorted(MANY)
    assert not work.exists()


def test_an_entry_without_its_file_is_prepared_anew(prepare, tmp_path, monkeypatch):
    place = tsv(tmp_path / "x.tsv", MANY)

    def killed(folder, language, manifest, entry):
        manifest.record(f"en-{language}.tsv.gz", **entry)  # and no more

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "_finish", killed)
        with pytest.raises(FileNotFoundError):
            prepare(place)
    assert len(prepare(place)[0]) == 400


def test_a_release_of_which_nothing_is_left_is_refused(prepare, tmp_path):
    swapped = [("Дом.", "The house."), ("Кот.", "The cat.")]
    with pytest.raises(DataError, match=r"no pair of English and ru is left of 2 \(wrong script: 2"):
        prepare(tsv(tmp_path / "x.tsv", swapped), "ru")
    assert snapshot(tmp_path / "root" / "parallel" / "made") == {}


def test_a_foreign_manifest_is_refused(prepare, tmp_path):
    path = tmp_path / "root" / "parallel" / "made" / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"schema": 99}')
    with pytest.raises(DataError, match=r"manifest\.json: expected .* delete"):
        prepare(tsv(tmp_path / "x.tsv", MANY))


def test_the_file_tells_nothing_of_when_or_how_it_was_made(prepare, tmp_path):
    prepare(tsv(tmp_path / "x.tsv", MANY))
    header = (tmp_path / "root/parallel/made/en-de.tsv.gz").read_bytes()[:10]
    assert header[3] == 0  # no name
    assert header[4:8] == bytes(4)  # no time


def test_progress_sees_every_pair_once(tmp_path):
    seen = {}

    def progress(caption):
        def count(items):
            for item in items:
                seen[caption] = seen.get(caption, 0) + 1
                yield item

        return count

    source = OnDisk(tsv(tmp_path / "x.tsv", [*MANY, MANY[0]]), Form())
    settings = preparation.Settings(RULES, None, 1, "error", None)
    prepare_corpus(tmp_path, "made", ["de"], source, settings, progress=progress)
    assert seen == {"reading en-de": 401, "writing en-de": 400}
    path = tmp_path / "parallel" / "made" / "en-de.tsv.gz"
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 400


@pytest.mark.parametrize("max_pairs", [None, 100])
def test_memory_does_not_grow_with_the_corpus(prepare, tmp_path, monkeypatch, max_pairs):
    monkeypatch.setattr(Lowest, "SPARE", 100)
    monkeypatch.setattr(spool, "FULL", 2000)

    def peak(number):
        text = "is" * 300
        rows = [(f"The {n} house {text}", f"Das {n} Haus {text}") for n in range(number)]
        place = tsv(tmp_path / f"{number}.tsv", rows)
        del rows
        tracemalloc.start()
        prepare(place, root=tmp_path / str(number), rules=LONG, max_pairs=max_pairs, read=False)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    prepare(tsv(tmp_path / "few.tsv", MANY))  # the regular expressions are made once
    assert peak(2500) < peak(500) + 300_000  # 2,000 more pairs are two million bytes and a half


TWO_AT_ONCE = """
import logging, sys
from pathlib import Path
from mlalign.data.corpora.filters import Rules
from mlalign.data.corpora.preparation import Settings, prepare_corpus
from mlalign.data.corpora.released import Form
from mlalign.data.corpora.sources import OnDisk

logging.basicConfig(level=logging.INFO)
place, root = map(Path, sys.argv[1:])
settings = Settings(Rules(1, 200, 3.0, 0.5, True), None, 1, "error", None)
source = OnDisk(place, Form())
print(sys.stdin.readline())
prepare_corpus(root, "made", ["de"], source, settings, progress=lambda _: iter)
"""


def test_two_processes_at_once(tmp_path):
    place = tsv(tmp_path / "x.tsv", MANY)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_AT_ONCE, str(place), str(tmp_path / "root")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    ends = [one.communicate(timeout=100) for one in both]
    assert [one.returncode for one in both] == [0, 0], ends
    told = sorted("400 of 400 pairs kept" in errors for _, errors in ends)
    assert told == [False, True]  # one waited, and found it done
    folder = tmp_path / "root" / "parallel" / "made"
    names = {path.name for path in folder.iterdir()} - {".lock"}
    assert names == {"en-de.tsv.gz", "manifest.json"}
