"""A small valid file of every form that is read, and what reads it."""

import gzip
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlalign.data.corpora.released import Form as ReleaseForm
from mlalign.data.corpora.released import find_release, read_release
from mlalign.data.hub.releases import CONVERTERS
from mlalign.data.lexicon import read_lexicon
from mlalign.data.manifest import Manifest
from mlalign.data.pharaoh import read_gold, read_sentence_pairs
from mlalign.data.readers import Columns, Table, positions, task_formats
from mlalign.data.readers.leftovers import Leftovers
from mlalign.data.readers.parallel import read_pairs
from mlalign.data.trees import read_trees
from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.predictions import read_predictions
from mlalign.reporting.results import read_results

FORMATS = task_formats()
TAGS = ["O", "B-PER", "I-PER"]
PAIRS = [("One dog.", "Ein Hund."), ("Two — “cats”!", "Zwei „Katzen“!"), ("Café 😀", "Café 😀")]
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Made:
    """Files of one form.

    Args:
        files: name -> content, before it is packed.
        read: what is called with the path of the first of them.
        pack: puts the contents of the files, as they are now, into what lies on the disk.
    """

    files: Files
    read: Callable[[Path], object]
    pack: Callable[[Files], Files] = dict


def lines(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def joined(*fields: str) -> str:
    return "\t".join(fields)


def task(reader, labels, language="de", part="test") -> Callable[[Path], object]:
    def read(path: Path) -> object:
        return reader(path, positions(labels), language=language, part=part, on_bad_line="skip").examples

    return read


def release(path: Path) -> object:
    files = find_release(path, "de", ReleaseForm())
    return list(read_release(files, "de", ReleaseForm(), Leftovers(path, "skip")))


def converted(name: str, labels: list[str]) -> Callable[[Path], object]:
    return lambda path: list(CONVERTERS[name].rows(path, labels, language="de", part="test"))


def zipped(method: int) -> Callable[[Files], Files]:
    def pack(files: Files) -> Files:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return {"de-en.txt.zip": packed.getvalue()}

    return pack


def gzipped(files: Files) -> Files:
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}


def parquet(**columns: list[object]) -> Files:
    packed = io.BytesIO()
    features = {"label": {"names": ["0", "1"]}, "ner_tags": {"feature": {"names": TAGS}}}
    noted = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(columns).replace_schema_metadata(noted), packed)
    return {"de-en.parquet": packed.getvalue()}


SQUAD = {
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": "Köln lies on the Rhine.",
                    "qas": [
                        {"id": str(n), "question": "Where?", "answers": [{"text": "Rhine", "answer_start": 17}]}
                        for n in range(3)
                    ],
                }
            ],
        }
    ]
}
TMX = (
    '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><header/><body>\n'
    + "".join(
        f'<tu><tuv xml:lang="en-US"><seg>{one}<ph>x</ph></seg></tuv><tuv xml:lang="de"><seg>{two}</seg></tuv></tu>\n'
        for one, two in PAIRS
    )
    + "</body></tmx>\n"
).encode()
RESULTS = {
    "schema": 1,
    "task": "t",
    "metric": "accuracy",
    "method": "m",
    "ablation": "none",
    "backbone": "b",
    "seed": 1,
}
RESULTS |= {"selection": "last", "scores": {"en": 50.0, "de": 40.5}, "config": {"seed": 1, "task": {"name": "t"}}}
MOSES = {"X.de-en.en": lines(*(one for one, _ in PAIRS)), "X.de-en.de": lines(*(two for _, two in PAIRS))}
TSV = {"en-de.tsv": lines(*map("\t".join, PAIRS))}
PAWSX = lines(
    joined("id", "sentence1", "sentence2", "label"),
    *(joined(str(n), *pair, str(n % 2)) for n, pair in enumerate(PAIRS)),
)
TABLE = lines(
    joined("language", "text", "label"), *(joined("de", two, "ab"[n % 2]) for n, (_, two) in enumerate(PAIRS))
)
TOLD = lines(*(json.dumps({"text": two, "label": "ab"[n % 2], "id": n * "x"}) for n, (_, two) in enumerate(PAIRS)))
SLOTS = lines(
    *(
        json.dumps({"id": str(n), "partition": "test", "annot_utt": f"weck mich [PER : um {n} uhr] auf"})
        for n in range(3)
    )
)
TREES = lines(
    "# text = Ada lacht",
    joined("1", "Ada", *"____", "2", "nsubj", *"__"),
    joined("2", "lacht", *"____", "0", "root", *"__"),
)
PREDICTED = lines(json.dumps({"id": "1", "gold": "a", "predicted": "b", "probabilities": {"a": 0.4, "b": 0.6}}))
FORMS = {
    "mldoc": Made({"german.test": lines("a\tText", "b\tb'Te\\xc3\\xbcxt'")}, task(FORMATS["mldoc"].read, ["a", "b"])),
    "pawsx": Made({"test_2k.tsv": PAWSX}, task(FORMATS["pawsx"].read, ["0", "1"])),
    "xtreme": Made({"test-de.tsv": lines('a\t"b ""c"""\t0', "c\td\t1")}, task(FORMATS["pawsx"].read, ["0", "1"])),
    "table": Made(
        {"all.tsv": TABLE},
        task(Table([Columns(["text"], "label", language="language")]).format({}, {}).read, ["a", "b"]),
    ),
    "quoted": Made(
        {"all.tsv": TABLE}, task(Table([Columns(["text"], "label")], is_quoted=True).format({}, {}).read, ["a", "b"])
    ),
    "json": Made(
        {"all.jsonl": TOLD}, task(Table([Columns(["text"], "label", id="id")]).format({}, {}).read, ["a", "b"])
    ),
    "slots": Made({"de-DE.jsonl": SLOTS}, task(FORMATS["slots"].read, TAGS, "de-DE")),
    "squad": Made({"xquad.de.json": json.dumps(SQUAD).encode()}, task(FORMATS["squad"].read, [])),
    "rahimi": Made(
        {"test": lines("de:Ada\tB-PER", "de:lacht\tO", "", "de:Sie\tO")}, task(FORMATS["entities"].read, TAGS)
    ),
    "plain": Made(
        {"test": lines("Ada\tB-PER", "lacht\tO", "", "Sie\tO")}, task(FORMATS["entities"].read, TAGS), gzipped
    ),
    "uner": Made(
        {"test": lines("# text", "1\tAda\tB-PER\t-\t-", "2-3\t_\tO\t-\t-", "2\tlacht\tO\t-\t-", "", "1\tx\tO\t-\t-")},
        task(FORMATS["entities"].read, TAGS),
    ),
    "conll": Made(
        {"test": lines("-DOCSTART- -X- O O", "", "Ada NNP B-NP B-PER", "lacht VB O O", "", "x x x O")},
        task(FORMATS["entities"].read, TAGS),
    ),
    "bitext": Made(TSV, task(FORMATS["bitext"].read, [])),
    "tatoeba": Made(
        {"tatoeba.deu-eng.deu": MOSES["X.de-en.de"], "tatoeba.deu-eng.eng": MOSES["X.de-en.en"]},
        task(FORMATS["bitext"].read, []),
    ),
    "pairs": Made(TSV, lambda path: list(read_pairs(path, on_bad_line="skip", dropped=Counter())), gzipped),
    "trees": Made({"x.conllu": TREES}, read_trees),
    "words": Made({"en-de.txt": lines("dog hund", "cat\tkatze")}, lambda path: read_lexicon(path, ["de"])),
    "dictd": Made(
        {
            "freedict-eng-deu.index": lines("house\tA\tP", "00databaseshort\tA\tB"),
            "freedict-eng-deu.dict": b"house /x/\nHaus <neut>\n",
        },
        lambda path: read_lexicon(path, ["de"]),
    ),
    "links": Made(
        {"x.txt": lines("a b ||| c d", "e\tf"), "gold.txt": lines("0-0 1?1", "0-0")},
        lambda path: read_gold(path.with_name("gold.txt"), read_sentence_pairs(path)),
    ),
    "moses": Made(MOSES, release),
    "zip": Made(MOSES, release, zipped(zipfile.ZIP_DEFLATED)),
    "lzma": Made(MOSES, release, zipped(zipfile.ZIP_LZMA)),
    "bzip2": Made(MOSES, release, zipped(zipfile.ZIP_BZIP2)),
    "tsv": Made(TSV, release),
    "tmx": Made({"x.tmx": TMX}, release),
    "gzipped tmx": Made({"x.tmx": TMX}, release, gzipped),
    "parquet": Made(parquet(en=[one for one, _ in PAIRS], de=[two for _, two in PAIRS]), release),
    "translation": Made(parquet(translation=[{"en": one, "de": two} for one, two in PAIRS]), release),
    "hub bitext": Made(parquet(sentence1=["Ein Hund."], sentence2=["One dog."]), converted("bitext", [])),
    "hub pawsx": Made(
        parquet(id=[1, 2], sentence1=["a", "b"], sentence2=["c", "d"], label=[0, 1]), converted("pawsx", ["0", "1"])
    ),
    "hub entities": Made(parquet(tokens=[["Ada", "lacht"]], ner_tags=[[1, 0]]), converted("entities", TAGS)),
    "hub topics": Made({"test.tsv": lines("index_id\tcategory\ttext", "1\ta\tx")}, converted("sib200", ["a"])),
    "predictions": Made({"de.jsonl": PREDICTED}, lambda path: list(read_predictions(path, task_metrics()["accuracy"]))),
    "results": Made({"results.json": json.dumps(RESULTS).encode()}, lambda path: read_results(path.parent)),
    "manifest": Made(
        {"manifest.json": json.dumps({"schema": 1, "source": {}, "files": {"x": {"rows": 1, "sha256": "0"}}}).encode()},
        lambda path: Manifest.of(path.parent).has("x"),
    ),
}
