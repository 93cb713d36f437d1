"""MASSIVE in parquet, as the hub converted ``AmazonScience/massive``, to its own JSON lines."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlalign.data.hub.releases.converter import Converter
from mlalign.data.hub.releases.parquet import needed_class_names, parquet_rows
from mlalign.data.readers import PartName
from mlalign.errors import DataError

COLUMNS = {"id": "text", "intent": "number", "utt": "text", "annot_utt": "text"}


def rows(sources: Sequence[Path], labels: Sequence[str], *, language: str, part: PartName) -> Iterator[str]:
    """See ``converter.Rows``; intents and slots are tasks of the same files."""
    for path in sources:
        intents = needed_class_names(path, "intent")
        for number, row in enumerate(parquet_rows(path, COLUMNS), start=1):
            if not 0 <= row["intent"] < len(intents):
                raise DataError(
                    f"{path}, row {number}: expected an intent from 0 to {len(intents) - 1}, found {row['intent']}"
                )
            entry = {"id": row["id"], "locale": language, "partition": part}
            entry |= {"intent": intents[row["intent"]]}
            entry |= {"utt": row["utt"], "annot_utt": row["annot_utt"]}
            yield json.dumps(entry, ensure_ascii=False) + "\n"


CONVERTER = Converter(rows)
