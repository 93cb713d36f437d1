"""Whether alignment makes the embeddings of pieces that its text hardly holds alike.

    python docs/results/rare_pieces.py RUN [RUN ...]

For each finished run: the mean cosine between the input embeddings of pieces that occur at most ten
times in the run's parallel text, and between those that occur at least 100 times. Writes
``rare_pieces.json`` beside this file.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

from mlalign.data.readers import read_pairs
from mlalign.reporting.results import commit, read_results, versions

RARE, FREQUENT = 10, 100


def mean_cosine(rows: torch.Tensor) -> float:
    """Over all pairs of rows, a row with itself included."""
    return float(torch.nn.functional.normalize(rows, dim=-1).mean(0).norm() ** 2)


def measure(run: Path) -> dict[str, object]:
    """Of one run that aligned an encoder."""
    results = read_results(run)
    tokenizer = AutoTokenizer.from_pretrained(results.aligned)
    embeddings = AutoModel.from_pretrained(results.aligned).get_input_embeddings().weight
    seen: Counter[int] = Counter()
    for path in map(Path, results.data):
        if "parallel" in path.parts:
            for pair in read_pairs(path, on_bad_line="skip", dropped=Counter()):
                for ids in tokenizer(list(pair), add_special_tokens=False)["input_ids"]:
                    seen.update(ids)
    special = set(tokenizer.all_special_ids)
    pieces = [piece for piece in range(len(tokenizer)) if piece not in special]
    rare = [piece for piece in pieces if seen[piece] <= RARE]
    frequent = [piece for piece in pieces if seen[piece] >= FREQUENT]
    vectors = embeddings.detach().float()
    return {
        "method": results.method,
        "seed": results.seed,
        "aligned": results.aligned,
        "rare_pieces": len(rare),
        "rare_mean_cosine": mean_cosine(vectors[rare]),
        "frequent_pieces": len(frequent),
        "frequent_mean_cosine": mean_cosine(vectors[frequent]),
    }


if __name__ == "__main__":
    found = [measure(Path(run)) for run in sys.argv[1:]]
    text = {"commit": commit(), "versions": versions(), "measured": found}
    Path(__file__).with_suffix(".json").write_text(json.dumps(text, indent=1) + "\n")
    for one in found:
        print(json.dumps(one))
