"""A language is known by any of its codes, everywhere."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from langcodes import LANGUAGE_ALPHA3

from mlalign.data.corpora.codes import AmbiguousCodeError, release_code
from mlalign.data.corpora.scripts import SCRIPTS, letters_of
from mlalign.data.languages import (
    WITHOUT_SPACES,
    canonical,
    codes_of,
    is_code,
    nearest,
    others,
    spoken,
    unlike,
    writes_spaces,
)
from mlalign.data.readers import Part, SentencePair, find_corpora, parallel_path, read_pairs
from mlalign.data.readers.languages import CODES
from mlalign.errors import DataError
from mlalign.models.prototypes import LanguagePrototypes
from mlalign.stages.parallel_text import ParallelText
from mlalign.tasks.retrieval import refuse_seen

ALIKE = {
    "zh": "zh ZH zh_CN zh-Hans zho chi cmn zho_Hans zh-SG zh_pud zh_gsdsimp",
    "zh-Hant": "zh_TW zh-Hant zho_Hant zh-HK zh_MO ZH-tw",
    "he": "he iw heb iw_IL heb_Hebr",
    "no": "no nb nob nb-NO nob_Latn no_NO",
    "nn": "nn nno nno_Latn",
    "de": "de deu ger de-DE deu_Latn de_AT de_hdt DE",
    "en": "en eng en-US eng_Latn en_ewt en_GB",
    "id": "id in ind",
    "yi": "yi ji ydd_Hebr yid",
    "sr": "sr sr_RS srp_Cyrl sr_set",
    "sr-Latn": "sh sr_Latn hbs",
    "pt": "pt pt_BR pt-PT pt_bosque pt_pud",
    "fil": "fil tl tgl_Latn tl_trg",
    "ar": "ar arb arb_Arab ar_padt ar-SA",
    "ko": "ko kor kor_Hang ko-Kore",
    "fa": "fa pes pes_Arab fas",
    "ms": "ms zsm zsm_Latn",
    "yue": "yue zh-yue yue_Hant",
    "lzh": "lzh zh-classical zh_classical",
    "ks-Deva": "kas_Deva ks-Deva",
}


@pytest.mark.parametrize(("code", "language"), [(one, to) for to, all_ in ALIKE.items() for one in all_.split()])
def test_codes_that_mean_one_language(code, language):
    assert canonical(code) == language
    assert canonical(canonical(code)) == language


@pytest.mark.parametrize("release", CODES)
def test_every_code_of_a_release_means_what_it_is_mapped_to(release):
    assert {(name, canonical(name)) for name in CODES[release]} == {
        (name, canonical(code)) for name, code in CODES[release].items()
    }


def test_two_and_three_letters_of_iso_639_are_one():
    assert {two: canonical(three) for two, three in LANGUAGE_ALPHA3.items()} == {
        two: canonical(two) for two in LANGUAGE_ALPHA3
    }


@given(st.text(max_size=12))
def test_anything_has_a_form_that_stays(code):
    assert canonical(canonical(code)) == canonical(code)
    assert spoken(spoken(code)) == spoken(code)


def test_the_nearest_is_the_same_code_then_the_same_language_then_its_other_script():
    assert nearest("zh", ["zh_TW", "zh_CN", "zh"]) == "zh"
    assert nearest("zh", ["zh_TW", "zh_CN"]) == "zh_CN"
    assert nearest("zh", ["de", "zh_TW"]) == "zh_TW"
    assert nearest("zh", ["de", "yue"]) is None
    assert codes_of("zh", ["zh_TW", "zh_CN", "cmn"]) == ["zh_CN", "cmn"]
    assert codes_of("cmn", ["zh_CN", "cmn"]) == ["cmn"]
    assert others(["en", "iw", "nb", "fr"], ["he", "no"]) == ["fr"]


def test_what_is_lacking_is_said():
    assert unlike(["en", "eng", "zh", "iw"], ["zh_CN", "he"]) == []
    never, written = unlike(["fr", "zh-TW"], ["zh"])
    assert never.startswith("fr was never aligned")
    assert "zh-TW was never aligned: it is scored as zh" in written


def test_what_is_no_code_is_known():
    assert all(map(is_code, ("de", "deu_Latn", "zh_CN", "iw", "ceb", "zh-classical", "sh")))
    assert not any(map(is_code, ("chinese", "xx1", "")))


def test_words_are_told_apart_by_the_language():
    assert not any(writes_spaces(one) for one in ("cmn", "zho_Hant", "jpn_Jpan", "tha", *WITHOUT_SPACES))
    assert all(writes_spaces(one) for one in ("kor", "de", "vi"))


def test_a_prototype_is_found_by_any_code():
    prototypes = LanguagePrototypes(["en", "zh_CN", "iw"], 2)
    for place, language in enumerate(prototypes.languages):
        prototypes.finalise(language, torch.full((2,), float(place)))
    assert [prototypes.of(one)[0].item() for one in ("eng_Latn", "zh", "cmn", "zh-TW", "he", "fr")] == [
        0.0, 1.0, 1.0, 1.0, 2.0, 1.0,
    ]  # fmt: skip


def test_scripts_are_known_by_canonical_codes():
    listed = Counter(one for languages in SCRIPTS.values() for one in languages.split())
    assert {one: canonical(one) for one in listed if one not in ("nb", "tl")} == {
        one: one for one in listed if one not in ("nb", "tl")
    }
    assert letters_of("iw") == letters_of("he") != letters_of("de")
    assert letters_of("zh_TW") == letters_of("cmn") is not None
    assert letters_of("pa_PK") is None


# Releases


@pytest.mark.parametrize(
    ("language", "there", "found"),
    [
        ("zh", ["en", "cmn"], "cmn"),
        ("zh", ["en", "zh_TW"], "zh_TW"),
        ("zh_TW", ["zh_CN", "zh-Hant"], "zh-Hant"),
        ("no", ["nb"], "nb"),
        ("he", ["iw", "en"], "iw"),
        ("en", ["eng", "deu"], "eng"),
        ("zh", ["zh", "zh_TW"], "zh"),
    ],
)
def test_a_release_is_searched_for_any_code(language, there, found):
    assert release_code(language, there, {}, "release") == found


def test_a_release_is_not_taken_for_another_language():
    with pytest.raises(AmbiguousCodeError, match="zh_CN and zh_TW"):
        release_code("zh", ["zh_TW", "zh_CN"], {}, "release")
    with pytest.raises(DataError, match="expected text in zh_TW"):
        release_code("zh_TW", ["zh_CN"], {}, "release")
    assert release_code("zh", ["zh_TW", "zh_CN"], {"zh": "zh_TW"}, "release") == "zh_TW"


# Parallel files


@pytest.fixture
def corpus(tmp_path):
    def write(*codes: str):
        folder = tmp_path / "parallel" / "c"
        folder.mkdir(parents=True)
        for code in codes:
            (folder / f"en-{code}.tsv").write_text(f"a\t{code}\n")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("code", "asked"),
    [("zh_CN", "zh"), ("cmn", "zh"), ("iw", "he"), ("nb", "no"), ("deu_Latn", "de"), ("zh_TW", "zh-HK")],
)
def test_a_parallel_file_is_found_by_any_code(corpus, code, asked):
    root = corpus(code, "fr")
    assert parallel_path(root, "c", asked).name == f"en-{code}.tsv"
    assert parallel_path(root, "c", code).name == f"en-{code}.tsv"


def text_of(root, *corpora: str, languages: list[str] | None = None):
    data = SimpleNamespace(root=str(root), parallel=list(corpora), languages=languages, pivot="en")
    return ParallelText(SimpleNamespace(data=data))


def test_a_language_in_two_corpora_is_one(corpus, tmp_path):
    root = corpus("zh", "nb", "zh_TW")
    other = tmp_path / "parallel" / "d"
    other.mkdir()
    for code in ("zh_CN", "no"):
        (other / f"en-{code}.tsv").write_text("a\tb\n")
    found = {one: [path.name for path in paths] for one, paths in text_of(root, "c", "d").files.items()}
    assert found == {
        "no": ["en-nb.tsv", "en-no.tsv"],
        "zh": ["en-zh.tsv", "en-zh_CN.tsv"],
        "zh_TW": ["en-zh_TW.tsv"],
    }
    assert list(text_of(root, "c", "d", languages=["cmn"]).files) == ["cmn"]
    (other / "en-cmn.tsv").write_text("a\tb\n")
    with pytest.raises(DataError, match=r"en-cmn\.tsv and en-zh_CN\.tsv, which are both zh"):
        _ = text_of(root, "c", "d").files
    (other / "en-cmn.tsv").unlink()
    (other / "en-eng.tsv").write_text("a\tb\n")
    with pytest.raises(DataError, match=r"found en-eng\.tsv"):
        _ = text_of(root, "c", "d").languages


def test_pairs_of_a_test_are_looked_for_in_its_language_in_any_script(tmp_path):
    pairs = [SentencePair(str(row), f"sentence {row}", f"句子 {row}") for row in range(10)]
    path = tmp_path / "en-x.tsv"
    path.write_text("".join(f"{one.english}\t{one.other}\n" for one in pairs), encoding="utf-8")
    part, release = Part(path, pairs, {}), SimpleNamespace(on_bad_line="error")
    for tested in ("zh", "cmn", "zh_TW"):
        files = SimpleNamespace(languages=[tested], read=lambda *_: part, release=release)
        for aligned in ("zh_CN", "zho_Hant", "zh", "chinese"):
            with pytest.raises(DataError, match="10 of its 10 pairs stand in"):
                refuse_seen(files, {"de": [], aligned: [path]})
        refuse_seen(files, {"yue": [path]})


def test_two_files_of_one_language_are_refused_unless_one_is_named(corpus):
    root = corpus("de", "deu", "zh_CN", "zh_TW", "iw", "heb")
    with pytest.raises(DataError, match=r"en-heb\.tsv and en-iw\.tsv, which are both he"):
        parallel_path(root, "c", "he")
    assert list(read_pairs(parallel_path(root, "c", "deu"), on_bad_line="error", dropped=Counter())) == [("a", "deu")]
    assert parallel_path(root, "c", "zh").name == "en-zh_CN.tsv"
    assert len(find_corpora(root)["c"]) == 6
    with pytest.raises(DataError, match="no text in ru"):
        parallel_path(root, "c", "ru")
