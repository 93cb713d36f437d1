"""``manifest.json`` of a prepared corpus: where its files come from, what became of the rows."""

import json
from pathlib import Path
from typing import Any

from mlalign.data.files import sha256_of, write_whole
from mlalign.errors import DataError

FILE = "manifest.json"
SCHEMA = 1


class Manifest:
    """What is known of the files of a corpus; on disk after every change.

    Args:
        folder: ``<root>/parallel/<corpus>``.

    Raises:
        DataError: there is a manifest that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / FILE
        self.entries: dict[str, dict[str, Any]] = {}
        if not self.path.is_file():
            return
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["schema"] != SCHEMA:
                raise KeyError
            self.entries = content["languages"]
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"{self.path}: expected the manifest of a preparation (schema {SCHEMA}), found "
                "something else; delete it to prepare the corpus anew"
            ) from None

    def done(self, language: str, recipe: dict[str, Any]) -> bool:
        """Whether this file was made by this recipe and is still what it was."""
        entry = self.entries.get(language)
        return entry is not None and entry["recipe"] == recipe and self._is_whole(entry)

    def refuse_strangers(self, language: str) -> None:
        """Keep files that somebody else put there.

        Raises:
            DataError: there is a file for this language that no preparation wrote.
        """
        for path in self.folder.glob(f"en-{language}.tsv*"):
            if language not in self.entries and path.suffix in (".tsv", ".gz"):
                raise DataError(
                    f"{path}: a file that was not prepared here would be replaced; move it away, "
                    "or prepare the corpus under another name"
                )

    def record(self, language: str, entry: dict[str, Any]) -> None:
        """Note what a file is before it takes its name: if that fails, the two do not fit."""
        self.entries[language] = entry
        content = {"schema": SCHEMA, "languages": dict(sorted(self.entries.items()))}
        write_whole(self.path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    def _is_whole(self, entry: dict[str, Any]) -> bool:
        path = self.folder / entry["file"]
        return path.is_file() and sha256_of(path) == entry["sha256"]
