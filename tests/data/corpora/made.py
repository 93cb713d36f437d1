"""Small releases in every form, with the same pairs."""

import gzip
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

from mlalign.data.corpora.filters import Rules
from mlalign.data.corpora.preparation import Settings

RULES = Rules(min_characters=1, max_characters=200, max_ratio=3.0, min_letters=0.5, script=True)
SETTINGS = Settings(RULES, max_pairs=None, seed=1, on_bad_line="error", identify=None)
PAIRS = [
    ("The cat sees the river.", "Die Katze sieht den Fluss."),
    ('A dog says "no".', 'Ein Hund sagt „nein".'),
    ("We met & left < early.", "Wir trafen uns & gingen < früh."),
    ("It rained\u2028in Berlin.", "Es regnete\u2028in Berlin."),
]


def lines(texts):
    return "".join(f"{text}\n" for text in texts).encode()


def write_zip(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def moses_zip(path, pairs, other="de", stem="X.de-en"):
    english, others = zip(*pairs, strict=True)
    members = {f"{stem}.en": lines(english), f"{stem}.{other}": lines(others)}
    return write_zip(path, {"README": b"x", **members, f"{stem}.scores": lines("1" * len(pairs))})


def tsv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join("\t".join(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def parquet(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return path
