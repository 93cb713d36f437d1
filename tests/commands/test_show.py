"""Finished runs shown: every figure's numbers are what the runs' files and encoders say."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from reporting.made import other
from reporting.made import run as made
from training.toy import cipher, configured, sentences, write_toy
from typed import ROOT, call

from mlalign.commands.show import panels_of, show
from mlalign.config.commands import Show
from mlalign.config.enums import FigureForm
from mlalign.errors import ConfigError, DataError
from mlalign.metrics.retrieval import retrieval_accuracy
from mlalign.pipeline import run as train
from mlalign.reporting.drawing.style import read_numbers
from mlalign.reporting.figures import NAMES, figure
from mlalign.reporting.runs import find_runs
from mlalign.stages.before_after import BeforeAfter

LEARNING = ("finetune.epochs=2", "finetune.batch_size=8", "finetune.evaluations=3")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return write_toy(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def runs(world) -> list[Path]:
    """An aligned run and the control."""
    output = f"output={world / 'outputs'}"
    return [
        train(configured(world, output, *LEARNING)),
        train(configured(world, output, *LEARNING, "method=none")),
    ]


@pytest.fixture
def drawn(runs, tmp_path):
    """Draw a figure; returns the plotted numbers."""

    def draw(figure: str, *, only: Path | None = None, **settings) -> pd.DataFrame:
        named = {"run": str(only)} if only else {"runs": ",".join(map(str, runs))}
        files = show(
            Show(
                figure=figure,
                output=str(tmp_path / "figures"),
                forms=[FigureForm.svg],
                **named,
                **settings,
            )
        )
        assert [path.name for path in files] == [f"{figure}.csv", f"{figure}.svg"]
        assert files[1].stat().st_size > 5_000
        return pd.read_csv(files[0])

    return draw


def results_of(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


def test_confusion_counts_what_the_predictions_say(drawn, runs):
    numbers = drawn("confusion", language="fr")
    assert numbers["run"].unique().tolist() == ["multilevel_v1", "none"]  # as they were named
    assert set(numbers["gold"]) == {"Corporate", "Economics", "Government", "Markets"}
    for name, folder in zip(["multilevel_v1", "none"], runs, strict=True):
        one = numbers[numbers["run"] == name]
        right = one.loc[one["gold"] == one["predicted"], "count"].sum()
        assert 100 * right / one["count"].sum() == pytest.approx(results_of(folder)["scores"]["fr"])


def test_curves_are_those_that_the_runs_reported(drawn, runs):
    numbers = drawn("curves")
    reported = pd.read_csv(runs[0] / "curves" / "align.csv").set_index("step")
    for quantity, column in (
        ("inter-sentence loss", "align/loss/inter_sentence"),
        ("held-out retrieval, P@1", "held_out/retrieval/mean"),
    ):
        one = numbers[numbers["quantity"] == quantity].set_index("position")["value"]
        expected = reported[column].dropna()
        assert one.index.tolist() == expected.index.tolist()
        assert one.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-5)
    learned = numbers[numbers["stage"] == "finetune"]
    assert set(learned["run"]) == {"multilevel_v1", "none"}
    assert learned["position"].max() == pytest.approx(2)  # epochs
    assert set(numbers.loc[numbers["stage"] == "align", "run"]) == {"multilevel_v1"}


def test_correlation_begins_with_the_cosine_of_the_two_sentences(drawn, runs):
    source = sentences(1, seed=5)[0]
    target = cipher(source, "de")
    numbers = drawn("correlation", only=runs[0], language="de", pair=[source, target])
    assert numbers["encoder"].unique().tolist() == [
        "before alignment",
        "after alignment (multilevel_v1)",
    ]
    rows, columns = len(source.split()) + 1, len(target.split()) + 1
    assert len(numbers) == 2 * rows * columns
    ready = BeforeAfter(find_runs(str(runs[0]))[0]).after()
    with torch.no_grad():
        vectors = [
            ready.encoder.embed(
                ready.layout.batch([ready.layout.single(ready.layout.words([text])[0], language)]),
                "de",
            )[0]
            for text, language in ((source, "en"), (target, "de"))
        ]
    expected = torch.cosine_similarity(*vectors, dim=0).item()
    after = numbers[numbers["encoder"] == "after alignment (multilevel_v1)"]
    assert after.iloc[0][["source", "target"]].tolist() == ["SOURCE", "TARGET"]
    assert after.iloc[0]["cosine"] == pytest.approx(expected, abs=1e-4)


def test_correlation_finds_a_held_out_pair_by_itself(drawn, runs):
    numbers = drawn("correlation", only=runs[0])
    words = numbers.loc[(numbers["column"] == 0) & (numbers["row"] > 0), "source"]
    pairs = (runs[0].parents[2] / "parallel").rglob("en-*.tsv*")
    text = "\n".join(path.read_text() for path in pairs)
    assert " ".join(words.unique()) in text


def test_documents_lie_with_their_labels_by_run(drawn):
    numbers = drawn("tsne_classes", language="de", points=10)
    assert numbers.groupby("run").size().tolist() == [10, 10]
    labels = [part["label"].tolist() for _, part in numbers.groupby("run")]
    assert labels[0] == labels[1]  # the same documents in each panel
    assert numbers["silhouette"].between(-1, 1).all()


def test_languages_have_the_same_subwords_before_and_after(drawn, runs):
    numbers = drawn("tsne_languages", points=12)
    assert numbers["encoder"].nunique() == 2  # the control adds nothing to its own backbone
    assert numbers.groupby(["encoder", "language"]).size().tolist() == [12] * 6
    assert numbers["chance"].iloc[0] == pytest.approx(100 / 3, abs=0.01)
    assert numbers["probe"].between(0, 100).all()


def test_words_and_their_translations_come_from_a_file(drawn, runs, tmp_path):
    words = list(dict.fromkeys(" ".join(sentences(40, seed=1)).replace(".", "").split()))[:12]
    lines = "".join(f"{word}\t{cipher(word, 'de')}\n" for word in words)
    (tmp_path / "words.tsv").write_text(lines)
    numbers = drawn("word_pairs", only=runs[0], language="de", words=str(tmp_path / "words.tsv"))
    one = numbers[numbers["encoder"] == "before alignment"]
    assert one.loc[one["language"] == "en", "word"].tolist() == words
    joined = one.pivot(index="pair", columns="language", values="word")
    assert all(cipher(row.en, "de") == row.de for row in joined.itertuples())


def test_transfer_stands_beside_what_the_measures_say(drawn, runs):
    numbers = drawn("similarity_transfer").set_index(["run", "language"])
    for name, folder in zip(["multilevel_v1", "none"], runs, strict=True):
        measures = json.loads((folder / "measures.json").read_text())
        for language in ("de", "fr"):
            row = numbers.loc[(name, language)]
            assert row["similarity"] == pytest.approx(measures[f"similarity/{language}"], abs=1e-4)
            assert row["score"] == pytest.approx(results_of(folder)["scores"][language])


def test_measures_are_of_the_aligned_encoder_on_pairs_it_never_saw(runs, capsys):
    (path,) = show(Show(run=str(runs[0]), measures=True))
    found = json.loads(path.read_text())
    ready = BeforeAfter(find_runs(str(runs[0]))[0]).after()
    batches = [batch for batch in ready.held_out() if batch.language == "de"]
    with torch.no_grad():
        source, target = (
            torch.cat([ready.encoder.embed(getattr(one, side), "de") for one in batches])
            for side in ("source", "target")
        )
    source_keys = torch.cat([one.source_keys for one in batches])
    target_keys = torch.cat([one.target_keys for one in batches])
    there, back = retrieval_accuracy(source, target, source_keys, target_keys)
    assert found["to_target/de"] == pytest.approx(100 * there, abs=1e-3)
    assert found["to_source/de"] == pytest.approx(100 * back, abs=1e-3)
    more = {"language_probe", "alignment/mean", "uniformity/mean", "prototype_cosine/de"}
    assert more <= set(found)
    assert "retrieval/mean" in capsys.readouterr().out


def test_the_csv_draws_the_figure_again_without_the_runs(drawn, tmp_path):
    drawn("confusion")
    before = (tmp_path / "figures" / "confusion.svg").read_bytes()
    settings = Show(
        figure="confusion",
        numbers=str(tmp_path / "figures" / "confusion.csv"),
        output=str(tmp_path / "again"),
        forms=[FigureForm.svg],
    )
    show(settings)
    assert (tmp_path / "again" / "confusion.svg").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "figure=NAME or measures=true"),
        ({"figure": "curves", "measures": True}, "figure=NAME or measures=true"),
        ({"figure": "curves"}, "name the runs"),
        ({"figure": "confusion", "language": "xx"}, "language=xx: not scored"),
        ({"figure": "correlation", "pair": ["one"]}, "found 1 text;"),
        ({"figure": "correlation", "pair": ["one", ""]}, "has 0 words"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message, runs):
    if {"language", "pair"} & set(settings):
        settings = settings | {"run": str(runs[0])}
    with pytest.raises(ConfigError, match=message):
        show(Show(**settings))


def test_what_is_not_there_is_named(runs, tmp_path):
    with pytest.raises(DataError, match=r"no results\.json"):
        show(Show(runs=str(tmp_path), figure="curves"))
    with pytest.raises(DataError, match=r"nothing\.csv: cannot be read"):
        show(Show(numbers=str(tmp_path / "nothing.csv"), figure="curves"))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column"):
        show(Show(numbers=str(tmp_path / "other.csv"), figure="curves"))
    (tmp_path / "words.tsv").write_text("one\tein\ttwo\n")
    with pytest.raises(DataError, match=r"words\.tsv, line 1: expected an English word"):
        show(Show(run=str(runs[0]), figure="word_pairs", words=str(tmp_path / "words.tsv")))


def test_a_line_of_curves_is_a_row_of_a_table():
    """Seeds are averaged, other settings are not, other data are refused, and so are tasks of other scores."""
    learned = [{"learning_rate": 1e-4}, {"learning_rate": 1e-4}, {"learning_rate": 1e-5}]
    found = [made("mlm", seed, folder=f"mlm{seed}", finetune=one) for seed, one in enumerate(learned, start=1)]
    panels = panels_of(figure("curves"), [found[2], *found[:2]])
    assert [[one.results.seed for one in runs] for runs in panels.values()] == [[3], [1, 2]]
    assert list(panels) == ["mlm finetune.learning_rate=1e-05", "mlm finetune.learning_rate=0.0001"]
    with pytest.raises(ConfigError, match=r"runs of several tasks \(mldoc, panx\)"):
        figure("curves").collect(panels_of(figure("curves"), [found[0], made("mlm", task="panx")]), None)
    with pytest.raises(ConfigError, match=r"task\.max_train"):
        panels_of(
            figure("curves"),
            [
                found[0],
                other(made("mlm", 2, folder="few"), config={**found[0].results.config, "task": {"max_train": 5}}),
            ],
        )


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "figures").glob("*.csv")), ids=lambda path: path.stem)
def test_the_numbers_in_the_docs_are_those_of_a_figure_beside_them(path):
    assert figure(path.stem).draw(read_numbers(path)).axes
    assert path.with_suffix(".png").is_file()
    assert f"({path.stem}.png)" in (path.parent / "README.md").read_text()


def test_every_figure_has_a_row_in_the_docs_and_a_place_in_the_paper():
    text = (ROOT / "docs" / "figures" / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in NAMES)
    assert len({figure(name).NUMBER for name in NAMES}) == len(NAMES)


def test_the_command_draws_and_refuses_in_one_line(runs, tmp_path):
    done = call("evaluate.py", [f"run={runs[0]}", "figure=confusion", "forms=[png]"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1::2] == ["figures/confusion.csv", "figures/confusion.png"]
    wrong = call("evaluate.py", [f"run={runs[0]}", "figure=confusoin"], tmp_path)
    assert wrong.returncode == 2
    assert "confusion" in wrong.stderr
    assert "Traceback" not in wrong.stderr
