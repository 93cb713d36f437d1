"""Small releases in the layout, with the column names and quirks, of the real ones on the hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, Features, List, Value

PAWSX = "google-research-datasets/paws-x"
WIKIANN = "unimelb-nlp/wikiann"
SIB200 = "Davlan/sib200"
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
TOPICS = ["science/technology", "travel", "politics", "sports", "health", "entertainment"]
TOPICS += ["geography"]


def parquet(rows: Sequence[dict[str, Any]], features: Features, path: Path) -> Path:
    """A file as ``datasets`` pushes it, with the names of the classes in its schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: [row[name] for row in rows] for name in features}
    Dataset.from_dict(columns, features=features).to_parquet(path)
    return path


def paraphrases(sentences: Sequence[str], count: int) -> list[dict[str, Any]]:
    """Rows of PAWS-X: the same sentence twice, or two that share words."""
    rows = []
    for place in range(count):
        first = sentences[place % len(sentences)]
        label = place % 2
        second = first if label else sentences[(place + 1) % len(sentences)]
        rows.append({"id": place + 1, "sentence1": first, "sentence2": second, "label": label})
    return rows


Files = dict[str, Path]


def pawsx_files(sentences: dict[str, list[str]], work: Path, **counts: int) -> Files:
    """``<language>/{train,validation,test}-00000-of-00001.parquet``; with an untranslated row."""
    features = Features(
        id=Value("int32"),
        sentence1=Value("string"),
        sentence2=Value("string"),
        label=ClassLabel(names=["0", "1"]),
    )
    files = {}
    for language, texts in sentences.items():
        for part, count in counts.items():
            rows = paraphrases(texts, count)
            if language != "en":
                rows[-1]["sentence2"] = "NS"
            name = f"{language}/{part}-00000-of-00001.parquet"
            files[name] = parquet(rows, features, work / name)
    return files


def wikiann_files(sentences: dict[str, list[str]], work: Path) -> Files:
    """``<language>/{train,validation,test}-00000-of-00001.parquet``; with an empty token."""
    features = Features(
        tokens=List(Value("string")),
        ner_tags=List(ClassLabel(names=TAGS)),
        langs=List(Value("string")),
        spans=List(Value("string")),
    )
    files = {}
    for language, texts in sentences.items():
        rows = []
        for text in texts:
            tokens = [*text.split(), "", ":"]
            tags = [1, 2, *[0] * (len(tokens) - 2)]
            langs = [language] * len(tokens)
            spans = [f"PER: {' '.join(tokens[:2])}"]
            rows.append({"tokens": tokens, "ner_tags": tags, "langs": langs, "spans": spans})
        for part in ("train", "validation", "test"):
            name = f"{language}/{part}-00000-of-00001.parquet"
            files[name] = parquet(rows, features, work / name)
    return files


def sib200_files(sentences: dict[str, list[str]]) -> dict[str, str]:
    """``data/<FLORES code>/{train,dev,test}.tsv`` and ``labels.txt``; quoted as pandas does."""
    files = {}
    for code, texts in sentences.items():
        lines = ["index_id\tcategory\ttext\n"]
        for place, text in enumerate(texts):
            lines.append(f'{place}\t{TOPICS[place % 7]}\t"They said ""{text}"""\n')
        files |= {f"data/{code}/{part}.tsv": "".join(lines) for part in ("train", "dev", "test")}
        files[f"data/{code}/labels.txt"] = "\n".join(TOPICS)
    return files
