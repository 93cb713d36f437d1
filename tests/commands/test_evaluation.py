"""What evaluate.py is asked for, from what is typed."""

import pytest
from omegaconf import OmegaConf

from mlalign.commands.evaluation import answer, select_command, settings_of
from mlalign.config.commands import COMMANDS, AlignWords, Choose, Compare, Overlap, Report, Show
from mlalign.config.words import quoted
from mlalign.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("runs=a", "evaluate"),
        ("runs=a table=ablation", "evaluate"),
        ("run=a split=dev", "rescore"),
        ("run=a figure=curves", "show"),
        ("run=a measures=true", "show"),
        ("runs=a report=b table=ablation", "report"),
        ("align_words=a encoder=b languages=[en,de] output=c", "align_words"),
        ("verify=a", "verify"),
        ("run=a predict=-", "predict"),
        ("run=a export=transformers output=b", "export"),
        ("", "evaluate"),
        ("run=a predikt=-", "predict"),  # whose keys are told
        ("run=a task.languages=[de] spilt=dev", "rescore"),
        ("runs=a tabel=ablation +x=1 report= --help", "report"),
    ],
)
def test_the_keys_tell_what_is_asked_for(typed, name):
    assert select_command(typed.split())[0] == name


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("runs=a/**,b c", "runs='a/**,b c'"),
        ("runs='a,b'", "runs='a,b'"),
        ("verify=a b,[c]", "verify='a b,[c]'"),
        ("tuned=a b,[c]", "tuned='a b,[c]'"),
        ('runs="a,b"', 'runs="a,b"'),
        ("task.languages=[de,ru]", "task.languages=[de,ru]"),
    ],
)
def test_several_patterns_are_one_text(word, expected):
    assert quoted([word]) == [expected]


def test_who_names_no_runs_is_told_what_there_is():
    with pytest.raises(ConfigError, match=r"runs='GLOB'.*run=FOLDER"):
        answer(COMMANDS["evaluate"], OmegaConf.structured(Compare))


@pytest.mark.parametrize("runs", ["", " ", ","])
def test_an_empty_pattern_does_not_walk_over_the_disk(runs):
    named = (Compare(runs=runs), Choose(runs, tuned="b"), Report(runs=runs, report="b"), Overlap(runs))
    for settings in named:
        with pytest.raises(ConfigError, match=f"={runs}: expected folders of finished runs"):
            settings_of(OmegaConf.structured(settings), type(settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Overlap("a", ngram=0), "ngram=0: expected at least 1"),
        (Overlap("a", allowed=1.5), r"allowed=1.5: expected a share in \[0, 1\]"),
        (Show(points=3), "points=3: expected at least 10"),
        (AlignWords("a", "b", ["en"], "c"), "expected those of source and target"),
        (Report(runs="a"), r"report: a value is needed; give it as report=VALUE \(.*for report.html"),
    ],
    ids=["ngram", "allowed", "points", "languages", "report"],
)
def test_what_is_missing_or_out_of_range_is_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        settings_of(OmegaConf.structured(settings), type(settings))
