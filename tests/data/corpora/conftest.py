"""Prepare one language of a release on disk."""

import gzip

import pytest
from data.corpora.made import SETTINGS

from mlalign.data.corpora.preparation import Settings, prepare_corpus
from mlalign.data.corpora.released import Form
from mlalign.data.corpora.sources import OnDisk


@pytest.fixture
def prepare(tmp_path):
    """Prepare one language of a place on disk; returns its rows and its manifest entry."""

    def prepare(place, language="de", *, root=None, form=None, corpus="made", read=True, **changes):
        settings = Settings(**(vars(SETTINGS) | changes))
        root = root or tmp_path / "root"
        entries = prepare_corpus(
            root,
            corpus,
            [language],
            OnDisk(place, form or Form()),
            settings,
            progress=lambda _: iter,
        )
        if not read:
            return None
        path = root / "parallel" / corpus / f"en-{language}.tsv.gz"
        rows = gzip.decompress(path.read_bytes()).decode().splitlines()
        return [tuple(row.split("\t")) for row in rows], entries[language]

    return prepare
