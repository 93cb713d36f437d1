"""The generated sample: the same everywhere, in the original formats, and not solved by tricks."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from mlalign.data.readers import find_corpora, parallel_path, positions, read_pairs, task_formats
from mlalign.data.sample import generated, write_sample
from mlalign.data.sample.chinese import characters
from mlalign.data.sample.choices import Choices
from mlalign.data.sample.dictionary import noun_pairs, word_pairs
from mlalign.data.sample.languages import REALISERS
from mlalign.data.sample.lexicon import LANGUAGES, Concept, lexicon
from mlalign.data.sample.plans import Both, Clause, Named, Noun, Person, Phrase, Place, Sentence
from mlalign.data.sample.tasks import Language, mldoc, plan_mldoc
from mlalign.data.sample.words import Word
from mlalign.errors import DataError
from mlalign.metrics.spans import spans

LABELS = {
    "mldoc": ["CCAT", "ECAT", "GCAT", "MCAT"],
    "pawsx": ["0", "1"],
    "panx": ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"],
}
EIGHT = (8, 8, 8)
SMALL: Any = {"pairs": 60, "documents": EIGHT, "paraphrases": EIGHT, "sentences": EIGHT, "questions": EIGHT}
MEDIUM: Any = {
    "pairs": 2000,
    "documents": (600, 60, 400),
    "paraphrases": (300, 60, 400),
    "sentences": (600, 60, 400),
    "questions": (200, 80, 80),
}
FULL: Any = {  # as it is without sizes
    "pairs": 6000,
    "documents": (1000, 300, 400),
    "paraphrases": (3000, 300, 400),
    "sentences": (2000, 300, 400),
    "questions": (1200, 200, 200),
}
SHA256_OF_SEED_7 = "6eb509061631ab14af1d16b508a0b4fbc411e554f52a7cc0069216e40f6786ec"

WITH_ALL_BESIDES = "412c5079a61778f39c245eb49cd40a595075ae3f106f6b9234c9e2e4f0d50234"


@pytest.fixture(scope="module", params=[MEDIUM, pytest.param(FULL, marks=pytest.mark.long)], ids=["medium", "full"])
def sizes(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def sample(sizes: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "sample"
    write_sample(root, seed=1, **({} if sizes is FULL else sizes))
    return root


def examples(root: Path, task: str, language: str, part: str):
    form = task_formats()["entities" if task == "panx" else task]
    path = form.path(root / "tasks" / task, language, part)
    return form.read(path, positions(LABELS[task]), language=language, part="test", on_bad_line="error").examples


def texts(root: Path, task: str, language: str, part: str) -> list[str]:
    if task == "panx":
        return [" ".join(example.words) for example in examples(root, task, language, part)]
    return [text for example in examples(root, task, language, part) for text in example.texts]


def pairs(root: Path, language: str) -> list[tuple[str, str]]:
    path = parallel_path(root, "sample", language)
    return list(read_pairs(path, on_bad_line="error", dropped=Counter()))


def words(text: str) -> list[str]:
    """Words in lower case; a Chinese text by its characters."""
    return re.findall(r"[一-鿿]|[^\W一-鿿]+", text.lower())


def is_besides(path: Path) -> bool:
    """Whether a file is none of the four tasks' and the corpus's own."""
    is_target_train = (
        "train" in path.name and "en" not in path.parts and not path.name.startswith(("english", "train-v"))
    )
    is_translated = (
        "translated" in path.name
        or path.name.startswith("english.train.1000.")
        or path.name.endswith((".en", ".en.tsv"))
    )
    return is_target_train or is_translated or bool({"lexicon", "trees"} & set(path.parts))


def sha256(root: Path, *, besides: bool = False) -> str:
    """Of the names and contents of all files, or of those only that are not besides."""
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file() and (besides or not is_besides(path))):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def concept(english: str) -> Concept:
    """The first concept that English says so."""
    return next(c for c in lexicon() if english in (c.forms["en"], c.forms["en"].split()[0]))


def the(english: str, *, plural: bool = False, adjective: str = "", of: str = "") -> Noun:
    described = concept(adjective) if adjective else None
    return Noun(concept(english), plural, True, described, Place(concept(of)) if of else None)


def some(english: str, *, plural: bool = False, adjective: str = "") -> Noun:
    return Noun(concept(english), plural, False, concept(adjective) if adjective else None)


def act(verb: str, subject: Phrase, object_: Phrase | None = None, **more: Any) -> Clause:
    return Clause(concept(verb), subject, object_, **more)


KELLER, MONDAY = concept("Keller"), concept("on_Monday")
SQUARE = Named(concept("on [{} Square]"), KELLER)
GROUP = Named(concept("the [{} Group]"), KELLER)
UNIVERSITY = Named(concept("the [University of {}]"), concept("Munich"))
ZHUKOV = Person(concept("Zhukov"), female=False, title=concept("Mr"))
ANNA = Person(KELLER, female=True, given=concept("Anna"))
POLAND_TO_JAPAN = {"origin": Place(concept("Warsaw")), "destination": Place(concept("Japan"))}
YOUNG_TEACHER, OLD_DOCTOR = the("teacher", adjective="young"), some("doctor", adjective="old")
WOMEN, LETTERS = some("woman", plural=True), the("letter", plural=True)
FRANCE, TARIFF = the("government", of="France"), some("tariff", adjective="new")
JUDGES, ACCOUNTANTS = some("judge", plural=True), the("accountant", plural=True)
PAIR, KEY = Both(the("nurse"), the("farmer")), some("key", adjective="small")
PLANS = [
    Sentence(act("invited", YOUNG_TEACHER, OLD_DOCTOR, place=SQUARE, time=concept("yesterday"))),
    Sentence(act("stole stolen", WOMEN, LETTERS, passive=True, time=MONDAY, front="time")),
    Sentence(act("moved", ZHUKOV, time=concept("in_winter"), **POLAND_TO_JAPAN)),
    Sentence(
        act("sold", ANNA, the("house")),
        "after",
        act("dismissed", the("insurer"), ACCOUNTANTS),
        side_first=True,
    ),
    Sentence(act("freed", JUDGES, the("thief")), "before", act("plunged", the("share_price"))),
    Sentence(act("criticised", GROUP, UNIVERSITY), "because", act("resigned", the("general"))),
    Sentence(act("found", PAIR, KEY, place=the("at airport", adjective="quiet"))),
    Sentence(act("abolished", FRANCE, TARIFF, passive=True, place=Place(concept("Florence")))),
]
GOLD = {
    "en": """
The young teacher invited an old doctor on Keller Square yesterday.
On Monday, the letters were stolen by some women.
Mr Zhukov moved from Warsaw to Japan in winter.
After the insurer dismissed the accountants, Anna Keller sold the house.
Some judges freed the thief before the share price plunged.
The Keller Group criticised the University of Munich because the general resigned.
The nurse and the farmer found a small key at the quiet airport.
A new tariff was abolished by the government of France in Florence.""",
    "de": """
Der junge Lehrer lud gestern einen alten Arzt auf dem Keller-Platz ein.
Am Montag wurden die Briefe von einigen Frauen gestohlen.
Herr Schukow zog im Winter von Warschau nach Japan um.
Nachdem der Versicherer die Buchhalter entlassen hatte, verkaufte Anna Keller das Haus.
Einige Richter befreiten den Dieb, bevor der Aktienkurs abstürzte.
Die Keller-Gruppe kritisierte die Universität München, weil der General zurücktrat.
Die Krankenschwester und der Bauer fanden einen kleinen Schlüssel am ruhigen Flughafen.
Ein neuer Zoll wurde von der Regierung von Frankreich in Florenz abgeschafft.""",
    "es": """
El maestro joven invitó a un doctor anciano en la plaza Keller ayer.
El lunes, las cartas fueron robadas por unas mujeres.
El señor Zhúkov se mudó de Varsovia a Japón en invierno.
Después de que la aseguradora despidió a los contables, Anna Keller vendió la casa.
Unos jueces liberaron al ladrón antes de que la cotización se desplomara.
El Grupo Keller criticó la Universidad de Múnich porque el general dimitió.
La enfermera y el agricultor encontraron una llave pequeña en el aeropuerto tranquilo.
Un arancel nuevo fue abolido por el gobierno de Francia en Florencia.""",
    "fr": """
Le jeune professeur a invité un docteur âgé sur la place Keller hier.
Lundi, les lettres ont été volées par des femmes.
Monsieur Joukov a déménagé de Varsovie au Japon en hiver.
Après que l'assureur avait licencié les comptables, Anna Keller a vendu la maison.
Des juges ont libéré le voleur avant que le cours de l'action ait plongé.
Le Groupe Keller a critiqué l'Université de Munich parce que le général a démissionné.
L'infirmière et le paysan ont trouvé une petite clé à l'aéroport calme.
Un nouveau droit de douane a été aboli par le gouvernement de France à Florence.""",
    "ru": """
Молодой учитель вчера пригласил старого доктора на площади Келлера.
В понедельник письма были украдены женщинами.
Господин Жуков зимой переехал из Варшавы в Японию.
После того как страховщик уволил бухгалтеров, Анна Келлер продала дом.
Судьи освободили вора, до того как курс акций рухнул.
Группа «Келлер» раскритиковала университет Мюнхена, потому что генерал ушёл в отставку.
Медсестра и фермер нашли маленький ключ в тихом аэропорту.
Новая пошлина была отменена правительством Франции во Флоренции.""",
    "zh": """
年轻的教师昨天在凯勒广场邀请了一位年老的医生。
星期一，这些信被一些女人偷走了。
茹科夫先生冬天从华沙搬到了日本。
保险公司解雇这些会计之后，安娜·凯勒卖掉了房子。
股价暴跌之前，一些法官解救了小偷。
凯勒集团批评了慕尼黑大学，因为将军辞职了。
护士和农民在安静的机场找到了一把小小的钥匙。
一项崭新的关税在佛罗伦萨被法国的政府废除了。""",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_says_plans_as_a_native_would(language: str):
    realiser = REALISERS[language]
    said = [realiser.text(realiser.words(plan)) for plan in PLANS]
    assert said == GOLD[language].split("\n")[1:]


def test_tags_names_and_not_what_stands_around_them():
    plan = next(plan for plan in PLANS if plan.connective == "because")
    tags = {code: {w.text: w.tag for w in REALISERS[code].words(plan)} for code in ("fr", "ru")}
    assert tags["fr"]["Groupe"] == "B-ORG"
    assert tags["fr"]["Keller"] == tags["fr"]["Munich"] == "I-ORG"
    assert tags["fr"]["Le"] == tags["fr"]["l'"] == tags["fr"]["général"] == "O"
    assert (tags["ru"]["Группа"], tags["ru"]["»"]) == ("B-ORG", "I-ORG")
    zhukov = REALISERS["zh"].words(next(plan for plan in PLANS if plan.main.origin))
    assert {Word("茹", "B-PER"), Word("夫", "I-PER"), Word("先", "O")} < {*characters(zhukov)}


def test_is_the_same_everywhere(tmp_path: Path):
    for name in ("one", "two"):
        write_sample(tmp_path / name, seed=7, **SMALL)
    write_sample(tmp_path / "other", seed=8, **SMALL)
    assert sha256(tmp_path / "one") == sha256(tmp_path / "two") == SHA256_OF_SEED_7
    assert sha256(tmp_path / "other") != SHA256_OF_SEED_7
    assert sha256(tmp_path / "one", besides=True) == sha256(tmp_path / "two", besides=True) == WITH_ALL_BESIDES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other", "two"]


def test_replaces_what_is_there_only_when_complete(tmp_path: Path):
    def stop(files):
        yield next(iter(files))
        raise KeyboardInterrupt

    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "old").touch()
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "sample", seed=7, progress=stop, **SMALL)
    assert [path.name for path in tmp_path.rglob("*")] == ["sample", "old"]
    write_sample(tmp_path / "sample", seed=7, **SMALL)
    assert not (tmp_path / "sample" / "old").exists()


def test_is_in_the_original_formats(sample: Path, sizes: Any):
    of_task = {"mldoc": sizes["documents"], "pawsx": sizes["paraphrases"], "panx": sizes["sentences"]}
    for task, (train, dev, test) in of_task.items():
        assert len(examples(sample, task, "en", "train")) == train
        for language in LANGUAGES:
            assert len(examples(sample, task, language, "dev")) == dev
            assert len(examples(sample, task, language, "test")) == test
    assert find_corpora(sample) == {"sample": sorted(LANGUAGES[1:])}
    for path in filter(Path.is_file, sample.rglob("*")):
        text = path.read_bytes().decode("utf-8")
        assert unicodedata.is_normalized("NFC", text)
        assert "\r" not in text
        assert path.suffix == ".conllu" or "_" not in text.replace("answer_start", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_are_balanced(sample: Path, language: str):
    for task, share in {"mldoc": 100, "pawsx": 200}.items():
        counts = Counter(example.label for example in examples(sample, task, language, "test"))
        assert set(counts.values()) == {share}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_parallel_text_has_the_words_of_the_tasks_and_not_their_sentences(sample: Path, sizes: Any, language: str):
    translated = pairs(sample, language)
    assert len(translated) == len(set(translated)) == sizes["pairs"]
    for side, code in enumerate(("en", language)):
        task_texts = [text for task in LABELS for part in ("dev", "test") for text in texts(sample, task, code, part)]
        known = {word for pair in translated for word in words(pair[side])}
        assert {word for text in task_texts for word in words(text)} <= known
        sentences = {pair[side] for pair in translated}
        said = {s for text in task_texts for s in re.findall(r".+?[.。](?= |\b|$)", text)}
        assert not sentences & {s.strip() for s in said}


def test_languages_translate_different_sentences(sample: Path, sizes: Any):
    english = [{source for source, _ in pairs(sample, code)} for code in LANGUAGES[1:]]
    assert sizes["pairs"] / 15 < len(set.intersection(*english)) < sizes["pairs"] / 6
    assert all(len(one) < sizes["pairs"] for one in english)  # some sentences have two translations


@pytest.mark.parametrize("language", LANGUAGES)
def test_shared_words_do_not_tell_paraphrases(sample: Path, language: str):
    scores: list[tuple[float, int]] = []
    for example in examples(sample, "pawsx", language, "test"):
        first, second = (Counter(words(text)) for text in example.texts)
        scores.append(((first & second).total() / (first | second).total(), example.label))
    for threshold in {score for score, _ in scores}:
        right = sum((score >= threshold) == label for score, label in scores) / len(scores)
        assert 0.4 < right < 0.6


def test_topics_are_in_the_words_and_words_are_not_shared_between_languages(sample: Path):
    train = examples(sample, "mldoc", "en", "train")
    counts = CountVectorizer(token_pattern=r"\w+")
    model = LogisticRegression(max_iter=500)
    model.fit(counts.fit_transform(e.texts[0] for e in train), [e.label for e in train])
    bounds = {"en": (0.85, 1.0), "ru": (0.0, 0.45), "zh": (0.0, 0.45)}
    for language in LANGUAGES:
        test = examples(sample, "mldoc", language, "test")
        features = counts.transform(e.texts[0] for e in test)
        lowest, highest = bounds.get(language, (0.0, 0.55))
        assert lowest <= model.score(features, [e.label for e in test]) <= highest


def test_the_usual_tag_of_a_word_does_not_find_names_elsewhere(sample: Path):
    usual: dict[str, Counter[int]] = defaultdict(Counter)
    for example in examples(sample, "panx", "en", "train"):
        for word, tag in zip(example.words, example.tags, strict=True):
            usual[word][tag] += 1
    for language in LANGUAGES:
        marked, right = 0, 0
        for example in examples(sample, "panx", language, "test"):
            gold = spans([LABELS["panx"][tag] for tag in example.tags])
            guess = [usual[word].most_common(1)[0][0] if usual[word] else 0 for word in example.words]
            guessed = spans([LABELS["panx"][tag] for tag in guess])
            marked += len(guessed) + len(gold)
            right += len(gold & guessed)
        assert 2 * right / marked < (0.6 if language == "en" else 0.5)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_is_in_its_context_once(sample: Path, sizes: Any, language: str):
    train, dev, test = sizes["questions"]
    parts = [("test", test), *([("train", train), ("dev", dev)] if language == "en" else [])]
    for part, count in parts:
        path = task_formats()["squad"].path(sample / "tasks" / "xquad", language, part)
        read = task_formats()["squad"].read(path, {}, language=language, part=part, on_bad_line="error")
        assert len(read.examples) == count
        assert not read.dropped
        for one in read.examples:
            (answer,), (start,) = one.answers, one.starts
            assert one.context.startswith(answer, start)
            assert one.context.lower().count(answer.lower()) == 1
            assert answer.lower() not in one.question.lower()
        asked = Counter(one.id.split("-")[1] for one in read.examples)
        assert set(asked.values()) == {count // 2}  # when, and where


# Besides: unlabelled and translated text, a dictionary


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_target_train_text_is_new(sample: Path, sizes: Any, language: str):
    most = {"mldoc": (1000, "documents"), "pawsx": (500, "paraphrases"), "panx": (500, "sentences")}
    for task, (limit, name) in most.items():
        train = texts(sample, task, language, "train")
        assert len(examples(sample, task, language, "train")) == min(limit, sizes[name][0])
        scored = {text for part in ("dev", "test") for text in texts(sample, task, language, part)}
        assert len(scored & set(train)) < 0.01 * len(train)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_translations_have_the_ids_and_labels_of_what_they_translate(sample: Path, language: str):
    for task in ("mldoc", "pawsx"):
        for original, translated in (("en", language), (language, "en")):
            part = "train" if original == "en" else "test"
            first = examples(sample, task, original, part)
            second = examples(sample, task, language, f"translated_{part}")
            assert [(one.id, one.label) for one in first] == [(one.id, one.label) for one in second]
            assert all(one.texts != other.texts for one, other in zip(first, second, strict=True))
            different = [one for one in second if len(one.texts) == 2 and one.label == 0]
            assert all(one.texts[0] != one.texts[1] for one in different), translated
    first = examples(sample, "panx", "en", "train")
    second = examples(sample, "panx", language, "translated_train")
    names = [[sorted(kind for kind, *_ in spans([LABELS["panx"][tag] for tag in one.tags])) for one in part]
             for part in (first, second)]  # fmt: skip
    assert [one.id for one in first] == [one.id for one in second]
    assert names[0] == names[1]


def test_a_translation_says_the_same_plan():
    rows = plan_mldoc(Language("de"), Choices(5, "x"), 8)
    english = list(mldoc(Language("en"), rows))
    for row, line in zip(rows, english, strict=True):
        assert line == f"{row.label}\t{' '.join(Language('en').say(plan) for plan in row.plans)}\n"


def test_the_dictionary_is_the_lexicons(sample: Path):
    for language in LANGUAGES[1:]:
        lines = (sample / "lexicon" / f"en-{language}.tsv").read_text(encoding="utf-8").splitlines()
        assert dict(line.split("\t") for line in lines) == dict(word_pairs(language))
        assert set(noun_pairs(language)) <= set(word_pairs(language))
    german = dict(word_pairs("de"))
    assert (german["bought"], german["Munich"], german["expensive"]) == ("kaufte", "München", "teuer")


def test_a_sample_of_before_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An older generator left another mark: its folder is written again, its files to the byte."""
    monkeypatch.setattr(generated, "write_sample", partial(write_sample, **SMALL))
    root = tmp_path / "sample"
    generated.ensure_sample(root, seed=1, progress=lambda files: files)
    complete = sha256(root, besides=True)
    for path in filter(Path.is_file, list(root.rglob("*"))):
        if is_besides(path):
            path.unlink()
    (root / generated.MARK).write_text('{"generator": "older", "seed": 1}', encoding="utf-8")
    generated.ensure_sample(root, seed=1, progress=lambda files: files)
    assert sha256(root, besides=True) == complete


def test_a_folder_holds_one_draw_of_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generated, "write_sample", partial(write_sample, **SMALL))
    one, other = tmp_path / "one", tmp_path / "other"
    generated.ensure_sample(one, seed=1, progress=lambda files: files)
    generated.ensure_sample(other, seed=2, progress=lambda files: files)
    parallel = [(root / "parallel" / "sample" / "en-de.tsv").read_bytes() for root in (one, other)]
    assert parallel[0] != parallel[1]
    with pytest.raises(DataError, match=r"prepare\.seed=1, not of 2; choose another data\.root"):
        generated.ensure_sample(one, seed=2, progress=lambda files: files)
    assert (one / "parallel" / "sample" / "en-de.tsv").read_bytes() == parallel[0]


@pytest.mark.parametrize("mark", [None, "{", "[]", "{}"])
def test_a_folder_with_other_files_is_kept(tmp_path: Path, mark: str | None):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    if mark is not None:
        (tmp_path / generated.MARK).write_text(mark, encoding="utf-8")
    with pytest.raises(DataError, match="found other files; choose another"):
        generated.ensure_sample(tmp_path, seed=1, progress=lambda files: files)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
