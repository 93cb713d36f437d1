"""``manifest.json`` beside prepared files: where they came from, and what each of them is."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from mlalign.data.text import parse_json
from mlalign.errors import DataError
from mlalign.files import Json, JsonObject, sha256_of, write_whole

FILE = "manifest.json"
SCHEMA = 1


@dataclass
class Manifest:
    """What is known of the files in a folder.

    Args:
        folder: of the files.
        source: where all of them came from.
        files: name inside the folder -> rows, sha256 and more.
    """

    folder: Path
    source: JsonObject = field(default_factory=dict)
    files: dict[str, JsonObject] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Manifest":
        """Read what lies in a folder; empty where there is none.

        Raises:
            DataError: there is one that cannot be read.
        """
        path = folder / FILE
        if not path.is_file():
            return cls(folder)
        try:
            content = parse_json(path.read_text(encoding="utf-8"))
            source, files = content["source"], content["files"]
            are_hashed = all(isinstance(entry["sha256"], str) for entry in files.values())
            if content["schema"] != SCHEMA or not isinstance(source, dict) or not are_hashed:
                raise KeyError("schema")
            return cls(folder, source, files)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(
                f"{path}: expected what a preparation wrote (schema {SCHEMA}), found something "
                "else; delete the folder to prepare it anew"
            ) from None

    def has(self, name: str) -> bool:
        """Whether a file is recorded, there, and still what it was."""
        path = self.folder / name
        known = self.files.get(name)
        return known is not None and path.is_file() and sha256_of(path) == known["sha256"]

    def refuse_stranger(self, name: str) -> None:
        """Keep a file that somebody else put there.

        Raises:
            DataError: the file is there, and no preparation wrote it.
        """
        if (self.folder / name).exists() and name not in self.files:
            raise DataError(
                f"{self.folder / name}: a file that was not prepared here would be replaced; use "
                "it as it is with data=files, or choose another data.root"
            )

    def remove_files(self) -> None:
        """Delete what is recorded, to make room for other files of these names."""
        for name in self.files:
            (self.folder / name).unlink(missing_ok=True)

    def record(self, name: str, **entry: Json) -> None:
        """Note on disk what a file is, before it takes its name."""
        self.files[name] = entry
        files = dict(sorted(self.files.items()))
        content = {"schema": SCHEMA, "source": self.source, "files": files}
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        write_whole(self.folder / FILE, text)
