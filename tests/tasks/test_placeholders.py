"""A test file whose labels were taken out is refused instead of scored."""

from pathlib import Path

import pytest

from mlalign.data.readers import LabelledText, Part, Question, SentencePair, TaggedSentence
from mlalign.errors import DataError
from mlalign.tasks.placeholders import refuse_placeholders

LABELS = ["O", "B-PER", "I-PER"]
PATH = Path("tasks/panx/de/test.tsv")


def text(label):
    return LabelledText("1", ("words",), label)


def tagged(*tags):
    return TaggedSentence("1", ("word",) * len(tags), tags)


def question(*answers):
    return Question("1", "who?", "Ann and Bo", answers, (0,) * len(answers))


CONSTANT = {
    "texts": [text(1)] * 3,
    "tags": [tagged(0, 0), tagged(0)],
    "answers": [question("Ann")] * 2,
}


@pytest.mark.parametrize("kind", CONSTANT)
def test_one_label_for_all_examples_is_refused_with_the_file(kind):
    examples = CONSTANT[kind]
    with pytest.raises(DataError, match=rf"panx/de/test\.tsv: all {len(examples)} examples.*task\.languages"):
        refuse_placeholders(Part(PATH, examples, {}), LABELS)


@pytest.mark.parametrize(
    "examples",
    [
        [text(1), text(1), text(2)],
        [tagged(0, 0), tagged(0, 1)],
        [question("Ann"), question("Bo")],
        [SentencePair("1", "one", "eins")] * 2,
        [text(1)],
        [],
    ],
)
def test_what_can_be_scored_is(examples):
    refuse_placeholders(Part(PATH, examples, {}), LABELS)
