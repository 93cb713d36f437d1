"""The same pairs from every released form, and what is said where a release is not what it says."""

import gzip
import os
import re
import stat
import zipfile
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from data.corpora.made import PAIRS, lines, moses_zip, parquet, tsv, write_zip

from mlalign.data.corpora.released import Form, english_side, find_release, read_release
from mlalign.data.readers.leftovers import Leftovers
from mlalign.data.text import LONGEST
from mlalign.errors import DataError

SWAPPED = [(other, english) for english, other in PAIRS]


def read(place, language="de", *, on_bad_line="error", dropped=None, **form):
    form = Form(**form)
    files = find_release(place, language, form)
    left = Leftovers(next(iter(files.values())), on_bad_line, Counter() if dropped is None else dropped)
    return list(read_release(files, language, form, left))


def plain_files(folder, stem="corpus", code="de", ending="", english="en"):
    folder.mkdir(parents=True, exist_ok=True)
    for side, language in enumerate((english, code)):
        content = lines(pair[side] for pair in PAIRS)
        path = folder / f"{stem}.{language}{ending}"
        path.write_bytes(gzip.compress(content) if ending else content)
    return folder


def tmx(path, pairs, english="EN-US", other="de-DE", attribute="xml:lang", encoding="utf-8"):
    def seg(text):
        return text.replace("&", "&amp;").replace("<", "&lt;")

    units = "".join(
        f'<tu tuid="{place}"><note>nothing</note>'
        f'<tuv {attribute}="{other}"><seg>{seg(two)}</seg></tuv>'
        f'<tuv {attribute}="{english}"><seg>{seg(one)}</seg></tuv></tu>\n'
        for place, (one, two) in enumerate(pairs)
    )
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'
        f'<tmx version="1.4">\n<header srclang="de"/>\n<body>\n{units}</body>\n</tmx>\n'
    )
    content = text.encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def shards(folder):
    for place, part in enumerate((PAIRS[:1], PAIRS[1:])):
        table = dict(zip(("english", "non_english"), columns(part), strict=True))
        parquet(folder / "en-de" / f"train-{place}-of-2.parquet", table)
    return folder


def columns(pairs):
    return [list(side) for side in zip(*pairs, strict=True)]


MAKERS = {
    "moses zip": lambda tmp: moses_zip(tmp / "de-en.txt.zip", PAIRS),
    "moses zip in a folder": lambda tmp: moses_zip(tmp / "all" / "de-en.zip", PAIRS).parent,
    "region in the zip": lambda tmp: moses_zip(tmp / "x.zip", PAIRS, "de_AT", "X.de_AT-en"),
    "plain files": lambda tmp: plain_files(tmp / "plain"),
    "one of the plain files": lambda tmp: plain_files(tmp / "plain") / "corpus.de",
    "gzipped plain files": lambda tmp: plain_files(tmp / "plain", ending=".gz", code="de-DE"),
    "tsv": lambda tmp: tsv(tmp / "pairs.tsv", PAIRS),
    "gzipped tsv": lambda tmp: tsv(tmp / "en-de.tsv.gz", PAIRS),
    "tsv with English second": lambda tmp: tsv(tmp / "News-de-en.tsv.gz", SWAPPED),
    "tmx": lambda tmp: tmx(tmp / "memory.tmx", PAIRS),
    "gzipped tmx": lambda tmp: tmx(tmp / "de-en.tmx.gz", PAIRS, "en", "de", "lang"),
    "tmx in UTF-16": lambda tmp: tmx(tmp / "memory.tmx", PAIRS, encoding="utf-16"),
    "parquet by sides": lambda tmp: parquet(
        tmp / "x.parquet", dict(zip(("non_english", "english"), columns(SWAPPED), strict=True))
    ),
    "parquet by codes": lambda tmp: parquet(tmp / "x.parquet", dict(zip(("de", "en"), columns(SWAPPED), strict=True))),
    "parquet of translations": lambda tmp: parquet(
        tmp / "x.parquet", {"translation": [{"de": two, "en": one} for one, two in PAIRS]}
    ),
    "parquet of categories": lambda tmp: parquet(
        tmp / "x.parquet",
        {code: pa.array(side).dictionary_encode() for code, side in zip(("en", "de"), columns(PAIRS), strict=True)},
    ),
    "shards of parquet": lambda tmp: shards(tmp / "hub"),
}


@pytest.mark.parametrize("form", MAKERS)
def test_every_form_gives_the_same_pairs_in_order(form, tmp_path):
    assert read(MAKERS[form](tmp_path)) == PAIRS


def test_columns_are_chosen_by_number_or_by_name(tmp_path):
    scored = [("1.07", one, two) for one, two in PAIRS]
    assert read(tsv(tmp_path / "a.tsv", scored), columns=("2", "3")) == PAIRS
    headed = [("score", "source", "target"), *((s, two, one) for s, one, two in scored)]
    assert read(tsv(tmp_path / "b.tsv", headed), columns=("target", "source")) == PAIRS
    table = dict(zip(("left", "right"), columns(PAIRS), strict=True))
    assert read(parquet(tmp_path / "c.parquet", table), columns=("left", "right")) == PAIRS


def test_a_release_may_write_a_language_in_its_own_way(tmp_path):
    place = moses_zip(tmp_path / "deu-eng.zip", PAIRS, "deu", "Tatoeba.deu-eng")
    content = {"T.deu-eng.deu": lines("a"), "T.deu-eng.eng": lines("b")}
    assert read(write_zip(place, content), codes={"de": "deu", "en": "eng"}) == [("b", "a")]


@pytest.mark.parametrize(
    ("name", "language", "side"),
    [
        ("de-en.txt.zip", "de", 1),
        ("en-zh_CN.tmx", "zh", 0),
        ("zh-Hans-en.tsv", "zh", 1),
        ("Name.en-pt-BR.tsv.gz", "pt", 0),
        ("WMT-News-v2019.cs-en.tsv", "cs", 1),
        ("en-de/train-00000-of-00002.parquet", "de", 0),
        ("en-de.tsv", "fr", None),
        ("screen-den.tsv", "de", None),
        ("en-des.tsv", "de", None),
    ],
)
def test_the_pair_is_read_off_a_name(name, language, side):
    assert english_side(name, language, {}) == side


def test_folders_with_many_pairs(tmp_path):
    for code in ("de-en", "en-fr", "en-zh_CN"):
        other = code.replace("en", "").strip("-")
        moses_zip(tmp_path / "opus" / f"{code}.txt.zip", PAIRS, other, f"X.{code}")
    for language in ("de", "fr", "zh"):
        assert read(tmp_path / "opus", language) == PAIRS
    with pytest.raises(DataError, match=r"opus: expected a file of English and nl.*found de-en"):
        read(tmp_path / "opus", "nl")
    tsv(tmp_path / "opus" / "more.en-fr.tsv", PAIRS)
    with pytest.raises(DataError, match=r"found en-fr\.txt\.zip and more\.en-fr\.tsv; name the"):
        read(tmp_path / "opus", "fr")


def test_two_regions_are_one_too_many_until_one_is_named(tmp_path):
    texts = {f"X.en-{code}.{side}": lines([side]) for code in ("zh_CN", "zh_TW") for side in ("en", code)}
    place = write_zip(tmp_path / "x.zip", texts)
    with pytest.raises(DataError, match=r"found X\.en-zh_CN and X\.en-zh_TW.*prepare\.codes={zh:"):
        read(place, "zh")
    assert read(place, "zh", codes={"zh": "zh_TW"}) == [("en", "zh_TW")]
    columns = {"en": ["a"], "zh_CN": ["b"], "zh_TW": ["c"]}
    with pytest.raises(DataError, match=r"zh is there as zh_CN and zh_TW; say which"):
        read(parquet(tmp_path / "x.parquet", columns), "zh")


def test_two_files_of_one_side_are_refused(tmp_path):
    place = plain_files(tmp_path / "plain")
    for path in list(place.iterdir()):
        if path.suffix == ".de":
            (place / f"{path.name}.gz").write_bytes(gzip.compress(b"Ein alter Satz.\n"))
    with pytest.raises(
        DataError, match=r"plain: expected one file, found .*\.de and .*\.de\.gz; take one of them away"
    ):
        find_release(place, "de", Form())


def test_unequal_line_counts_are_told_with_both_numbers(tmp_path):
    place = write_zip(tmp_path / "x.zip", {"X.de": lines("abc"), "X.en": lines("abcde")})
    with pytest.raises(DataError, match=r"X\.en: expected as many lines as .*X\.de, found 5 and 3"):
        read(place)
    folder = plain_files(tmp_path / "plain")
    with (folder / "corpus.de").open("ab") as file:
        file.write(b"one more\n")
    with pytest.raises(DataError, match=r"corpus\.de, found 4 and 5"):
        read(folder)


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])
    return path


MANY = [(f"{one} {number}", f"{two} {number}") for number in range(500) for one, two in PAIRS]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda tmp: cut(moses_zip(tmp / "x.zip", MANY)), r"x\.zip: expected a whole zip"),
        (
            lambda tmp: cut(tsv(tmp / "x.tsv.gz", MANY)),
            r"x\.tsv\.gz, after line \d+: expected gzip",
        ),
        (lambda tmp: cut(tmx(tmp / "x.tmx.gz", MANY)), r"x\.tmx\.gz: damaged gzip"),
        (lambda tmp: cut(tmx(tmp / "x.tmx", MANY)), r"x\.tmx, line \d+: expected well-formed XML"),
        (
            lambda tmp: cut(parquet(tmp / "x.parquet", {"en": ["a"] * 99, "de": ["b"] * 99})),
            r"x\.parquet: expected a whole parquet file",
        ),
    ],
)
def test_a_truncated_release_is_refused(make, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read(make(tmp_path))


def test_a_damaged_member_of_a_zip_is_refused(tmp_path):
    place = moses_zip(tmp_path / "x.zip", MANY)
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 0xFF
    place.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.zip: X\.de-en\.\w\w, after line \d+: expected zip"):
        read(place)


def test_a_wrong_encoding_is_told_with_file_line_and_byte(tmp_path):
    members = {"X.en": lines(["a", "b"]), "X.de": b"gut\ngr\xfc\xdfe\n"}
    with pytest.raises(DataError, match=r"x\.zip: X\.de, line 2: expected UTF-8, found .* 0xfc"):
        read(write_zip(tmp_path / "x.zip", members))


def test_a_missing_language_is_told_with_those_that_are_there(tmp_path):
    with pytest.raises(DataError, match=r"x\.zip: expected text in fr, found the languages de, en"):
        read(moses_zip(tmp_path / "x.zip", PAIRS), "fr")
    with pytest.raises(DataError, match=r"fr, found the languages EN-US, de-DE"):
        read(tmx(tmp_path / "x.tmx", PAIRS), "fr")
    translations = {"translation": [{"de": "a", "en": "b"}]}
    with pytest.raises(DataError, match=r"expected text in fr, found the languages de, en"):
        read(parquet(tmp_path / "t.parquet", translations), "fr")
    with pytest.raises(DataError, match=r"\(its columns\): expected text in en, found .* left"):
        read(parquet(tmp_path / "c.parquet", {"left": ["a"], "right": ["b"]}))
    with pytest.raises(DataError, match=r"found left, right; did you mean 'left'\?; set prepare\.c"):
        read(parquet(tmp_path / "c.parquet", {"left": ["a"], "right": ["b"]}), columns=("lft",))
    with pytest.raises(DataError, match=r"prepare\.path=.*nowhere: no such file"):
        read(tmp_path / "nowhere")


def test_what_is_no_release_at_all_is_told_so(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a\n")
    with pytest.raises(DataError, match=r"expected X\.en and X\.de, or a file in .* found text\.t"):
        read(path)
    place = parquet(tmp_path / "x.parquet", {"en": [1], "de": ["a"]})
    with pytest.raises(DataError, match=r"expected text in the column en, found int64"):
        read(place)
    with pytest.raises(DataError, match=r"expected text in the column de, found string"):
        read(place, columns=("de", "de"))


def test_lines_with_other_columns_are_refused_or_counted(tmp_path):
    place = tsv(tmp_path / "x.tsv", [*PAIRS, ("one",), ("a", "b", "c")])
    with pytest.raises(DataError, match=r"x\.tsv, line 5: expected 2 .* prepare\.columns=\[2,3\]"):
        read(place)
    dropped = Counter()
    assert read(place, on_bad_line="skip", dropped=dropped) == PAIRS
    assert dropped == {"wrong number of fields": 2}
    with pytest.raises(DataError, match=r"line 1, its header: expected the columns english, .*; set prepare\.col"):
        read(place, columns=("english", "german"))


def test_what_macos_puts_beside_files_is_no_text(tmp_path):
    forks = {"__MACOSX/._X.en": b"\x00\x05\x16\x07", "__MACOSX/._X.de": b"\x00\x05\x16\x07"}
    members = {"X.en": lines(one for one, _ in PAIRS), "X.de": lines(two for _, two in PAIRS)}
    assert read(write_zip(tmp_path / "x.zip", members | forks)) == PAIRS
    folder = plain_files(tmp_path / "plain")
    for name in ("._corpus.en", "._corpus.de"):
        (folder / name).write_bytes(b"\x00\x05\x16\x07")
    assert read(folder) == PAIRS


@pytest.mark.parametrize("beside", ["._X.en-de.tsv", "__MACOSX/X.en-de.tsv", ".ipynb_checkpoints/X.en-de.tsv"])
def test_hidden_files_beside_a_table_are_no_release(tmp_path, beside):
    tsv(tmp_path / "release" / "X.en-de.tsv", PAIRS)
    tsv(tmp_path / "release" / beside, PAIRS)
    assert read(tmp_path / "release") == PAIRS


def test_a_header_that_names_a_column_twice_is_refused(tmp_path):
    path = tsv(tmp_path / "x.tsv", [("en", "de", "de"), ("a", "b", "c")])
    with pytest.raises(DataError, match=r"line 1: expected one column de, found 2; give prepare\.columns as numbers"):
        read(path, columns=("en", "de"))


def test_a_release_in_capitals_is_one(tmp_path):
    assert read(tsv(tmp_path / "EN-DE.TSV", PAIRS)) == PAIRS
    (tmp_path / "EN-DE.TSV.GZ").write_bytes(gzip.compress((tmp_path / "EN-DE.TSV").read_bytes()))
    assert read(tmp_path / "EN-DE.TSV.GZ") == PAIRS
    assert read(plain_files(tmp_path / "plain", ending=".GZ")) == PAIRS


def test_a_cut_zip_in_capitals_is_not_told_to_be_one(tmp_path):
    whole = moses_zip(tmp_path / "x.zip", PAIRS).read_bytes()
    (tmp_path / "X.ZIP").write_bytes(whole[:200])
    with pytest.raises(DataError, match=r"get it anew$"):
        read(tmp_path / "X.ZIP")


def test_members_of_a_zip_that_are_compressed_again_are_read(tmp_path):
    texts = {"X.de-en.en.gz": lines(one for one, _ in PAIRS), "X.de-en.de.GZ": lines(two for _, two in PAIRS)}
    place = write_zip(tmp_path / "de-en.zip", {name: gzip.compress(text) for name, text in texts.items()})
    assert read(place) == PAIRS
    write_zip(place, {"X.de-en.en.gz": b"plain", "X.de-en.de": b"plain"})
    with pytest.raises(DataError, match=r"X\.de-en\.en\.gz, after line 0: expected gzip, as its name says"):
        read(place)
    write_zip(place, {"X.de-en.en": gzip.compress(b"x"), "X.de-en.de": b"x"})
    with pytest.raises(DataError, match="unpack it, or give it a name"):
        read(place)


def test_the_folder_of_a_table_names_its_columns_where_its_own_name_does_not(tmp_path):
    tsv(tmp_path / "all" / "de-en" / "data.tsv", SWAPPED)
    tsv(tmp_path / "all" / "en-fr" / "fr-en.tsv", SWAPPED)
    assert read(tmp_path / "all") == read(tmp_path / "all", "fr") == PAIRS
    outside = tsv(tmp_path / "de-en-mt" / "data.tsv", PAIRS)  # no folder of the release
    assert read(outside) == PAIRS


def test_a_unit_in_two_regions_is_asked_about_and_not_left_out(tmp_path):
    place = tmx(tmp_path / "x.tmx", PAIRS)
    british = '<tuv xml:lang="EN-GB"><seg>a colour</seg></tuv></tu>'
    place.write_text(place.read_text().replace("</tu>", british, 1))
    with pytest.raises(DataError, match=r"en is there as EN-GB and EN-US; .* prepare\.codes=\{en: EN-GB\}"):
        read(place)
    assert read(place, codes={"en": "EN-US"}) == PAIRS


def test_units_without_both_languages_are_counted(tmp_path):
    place = tmx(tmp_path / "x.tmx", PAIRS)
    text = place.read_text().replace("EN-US", "fr", 1)
    place.write_text(text)
    dropped = Counter()
    assert read(place, dropped=dropped) == PAIRS[1:]
    assert dropped == {"not in both languages": 1}


def test_markup_of_an_editor_is_no_text(tmp_path):
    place = tmx(tmp_path / "x.tmx", [("A SIGN", "Ein Schild")])
    marked = '<bpt i="1">{b}</bpt>A <hi>SIGN</hi><ept i="1">{/b}</ept><ph>x<sub>y</sub></ph>'
    place.write_text(place.read_text().replace("A SIGN", marked))
    assert read(place) == [("A SIGN", "Ein Schild")]


def test_entities_are_refused_and_never_expanded(tmp_path):
    place = tmx(tmp_path / "x.tmx", PAIRS)
    bomb = '<!DOCTYPE tmx [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>'
    place.write_text(place.read_text().replace('<!DOCTYPE tmx SYSTEM "tmx14.dtd">', bomb))
    with pytest.raises(DataError, match=r"line 2: it declares the XML entity 'a'"):
        read(place)


def test_other_xml_is_no_translation_memory(tmp_path):
    place = tmp_path / "x.tmx"
    place.write_text("<html><body/></html>")
    with pytest.raises(DataError, match="expected a TMX file, found other XML"):
        read(place)


def test_pairs_come_one_at_a_time(tmp_path):
    place = moses_zip(tmp_path / "x.zip", [*PAIRS, ("a\nb", "c")])
    form = Form()
    stream = read_release({place.name: place}, "de", form, Leftovers(place, "error"))
    assert [next(stream) for _ in PAIRS] == PAIRS


def test_text_of_an_entity_that_nothing_defines_is_not_lost(tmp_path):
    place = tmx(tmp_path / "x.tmx", [("Caf&eacute; open", "Café offen")])
    place.write_text(place.read_text().replace("&amp;eacute;", "&eacute;"))
    with pytest.raises(DataError, match=r"x\.tmx, line \d+: the XML entity 'eacute' is not defined in the file"):
        read(place)


@pytest.mark.parametrize("encoding", ["shift_jis", "utf-7", "base64", "nonsense", "unicode_escape", "undefined"])
def test_an_encoding_that_the_parser_cannot_read_is_named(encoding, tmp_path):
    place = tmx(tmp_path / "x.tmx", PAIRS)
    place.write_text(
        re.sub(r"<\?xml[^>]*>", f'<?xml version="1.0" encoding="{encoding}"?>', place.read_text(), count=1)
    )
    with pytest.raises(DataError, match=rf"line 1: it names the encoding '{encoding}', .* iconv"):
        read(place)


def test_a_unit_and_a_tag_are_bounded(tmp_path):
    place = tmp_path / "x.tmx.gz"
    for before, filling in (('<tmx><tu x="', b"x"), ("<tmx><tu><tuv lang='en'><seg>", b"y")):
        with gzip.open(place, "wb", compresslevel=1) as file:
            file.write(before.encode())
            for _ in range(2):
                file.write(filling * LONGEST)
        with pytest.raises(DataError, match=f"expected at most {LONGEST} "):
            read(place)


def test_further_segments_of_a_language_are_counted(tmp_path):
    place = tmx(tmp_path / "x.tmx", PAIRS[:2])
    twice = '<tuv xml:lang="DE"><seg>Noch eine</seg></tuv></tu>'
    code = re.search(r'xml:lang="(de[^"]*)"', place.read_text(), re.IGNORECASE)[1]
    place.write_text(place.read_text().replace("</tu>", twice.replace("DE", code), 1))
    dropped = Counter()
    assert [english for english, _ in read(place, dropped=dropped)] == [english for english, _ in PAIRS[:2]]
    assert dropped == {"further segment of a language": 1}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_of_any_compression_is_refused(method, tmp_path):
    place = tmp_path / "x.zip"
    with zipfile.ZipFile(place, "w", method) as archive:
        for code, texts in zip(("en", "de"), columns(MANY), strict=True):
            archive.writestr(f"X.{code}", lines(texts))
    assert read(place) == MANY
    content = bytearray(place.read_bytes())
    content[100:140] = bytes(40)
    place.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.zip"):
        read(place)


def test_a_path_that_leads_out_of_a_zip_is_only_a_name_and_a_link_no_text(tmp_path):
    outside = tmp_path / "outside.en"
    place = write_zip(tmp_path / "x.zip", {"../outside.en": lines(["a"]), "../outside.de": lines(["b"])})
    assert read(place) == [("a", "b")]
    assert not outside.exists()
    link = zipfile.ZipInfo("X.en")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr(link, "/etc/hostname")
        archive.writestr("X.de", lines(["b"]))
    with pytest.raises(DataError, match=r"expected text in en, found the languages de"):
        read(place)


def test_a_small_zip_with_an_endless_line_is_refused(tmp_path):
    place = write_zip(tmp_path / "x.zip", {"X.en": bytes(2 * LONGEST), "X.de": lines(["b"])})
    assert place.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"X\.en, line 1: expected at most"):
        read(place)


def test_parquet_of_other_bytes_or_of_other_columns_is_refused(tmp_path):
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 3], np.int32).tobytes()), pa.py_buffer(b"a\xff\xfe")]
    )
    place = parquet(tmp_path / "x.parquet", {"en": broken, "de": ["a", "b"]})
    with pytest.raises(DataError, match=r"x\.parquet, after row 0: expected UTF-8"):
        read(place)
    place = parquet(tmp_path / "x.parquet", {"translation": [{"en": 1, "de": 2}]})
    with pytest.raises(DataError, match=r"expected text in the column translation, found struct"):
        read(place)
    place = parquet(tmp_path / "x.parquet", {"en": ["x" * (LONGEST + 1000)], "de": ["b"]})
    with pytest.raises(DataError, match=r"expected at most .* bytes in a row"):
        read(place)


@pytest.mark.parametrize("name", ["x.zip", "x.parquet", "x.tmx"])
def test_a_release_that_is_not_what_its_name_says_is_told_so(name, tmp_path):
    place = tmp_path / name
    place.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DataError, match="git lfs pull"):
        read(place)


def test_a_pipe_is_no_release(tmp_path):
    os.mkfifo(tmp_path / "x.tsv")
    with pytest.raises(DataError, match="expected a file or folder, found a pipe or device"):
        read(tmp_path / "x.tsv")
