"""Translations that aligned encoders find in languages which their alignment did not read, of pairs that no table uses.

    python docs/results/unseen_languages.py ROOT NAME=FOLDER ... > docs/results/trials_unseen.csv

The first pairs with a step of three of ROOT/parallel/tatoeba that share no sentence, 600 of each language; accuracy of
the nearest neighbour by the cosine, mean of both directions.
"""

import csv
import gzip
import sys
from pathlib import Path

import torch
from torch.nn.functional import normalize

from mlalign.inference import AlignedEncoder

LANGUAGES = ("ar", "bg", "de", "el", "hi", "ru", "vi", "zh")
PAIRS, STEP = 600, 3


def pairs_of(path: Path) -> list[tuple[str, str]]:
    """Pairs of a file, no sentence twice."""
    seen: set[str] = set()
    found: list[tuple[str, str]] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in list(lines)[::STEP]:
            source, target = line.rstrip("\n").split("\t")[:2]
            if len(found) < PAIRS and not seen & {source, target}:
                seen |= {source, target}
                found.append((source, target))
    return found


def accuracy(encoder: AlignedEncoder, pairs: list[tuple[str, str]], language: str) -> float:
    """Of both directions, in per cent."""
    sides = zip(zip(*pairs, strict=True), ("en", language), strict=True)
    one, other = (normalize(torch.as_tensor(encoder.encode(list(texts), name)), dim=-1) for texts, name in sides)
    similarity, own = one @ other.T, torch.arange(len(pairs))
    return 50 * sum(float((similarity.argmax(axis) == own).float().mean()) for axis in (0, 1))


def main(root: str, *named: str) -> None:
    """Write a row for each encoder, typed as NAME=FOLDER."""
    pairs = {one: pairs_of(Path(root) / "parallel" / "tatoeba" / f"en-{one}.tsv.gz") for one in LANGUAGES}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["name", "mean", *LANGUAGES])
    for name, folder in (word.split("=", 1) for word in named):
        encoder = AlignedEncoder(folder, device="cpu")
        found = [accuracy(encoder, pairs[one], one) for one in LANGUAGES]
        writer.writerow([name, *(f"{score:.2f}" for score in (sum(found) / len(found), *found))])
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
