"""A text that is too long is the mean of its windows, scored and learned."""

import pytest
import torch
from training.toy import configured, without_dropout
from training.tuned import fitted, tuned

from mlalign.data.readers import LabelledText
from mlalign.tasks.classification import Classification, in_windows

TEXT = "bank market river teacher army engine garden doctor sees buys finds loves bread houses letters music"


def collated(module, data, texts, *, windows):
    task = Classification(module.task.labels, windows=windows)
    examples = [LabelledText(str(place), (text,), 0) for place, text in enumerate(texts)]
    return task.collate(task.encode(examples, "en", data.layout), "en", data.layout)


@pytest.fixture(scope="module")
def world(toy):
    module, data = tuned(toy, "finetune.max_length=8", "finetune.windows=true")
    return module.eval(), data


def test_windows_are_as_few_as_can_be_and_of_one_length():
    for length in range(40):
        windows = in_windows(list(range(length)), 6)
        assert [one for window in windows for one in window] == list(range(length))
        assert len(windows) == max(1, -(-length // 6))
        assert max(map(len, windows)) - min(map(len, windows)) <= 1


def test_texts_that_fit_are_what_they_were_to_the_bit(world):
    module, data = world
    with_windows, without = (collated(module, data, ["bank", "sees"], windows=one) for one in (True, False))
    assert with_windows.windows is None
    assert module(with_windows).equal(module(without))


def test_a_text_of_two_halves_has_the_mean_of_their_vectors(world):
    module, data = world
    ids = data.layout.words([TEXT])[0][: 2 * data.layout.budget]
    assert len(ids) == 2 * data.layout.budget
    halves = [data.layout.single(one, "en") for one in (ids[: len(ids) // 2], ids[len(ids) // 2 :])]
    task = Classification(module.task.labels, windows=True)
    task_words = data.layout.words

    class Layout:
        """The same, but for what a text is cut into."""

        def __getattr__(self, name):
            return getattr(data.layout, name)

        def words(self, texts):
            return [ids if text == TEXT else task_words([text])[0] for text in texts]

    examples = [LabelledText("0", ("bank",), 0), LabelledText("1", (TEXT,), 1), LabelledText("2", ("sees",), 2)]
    batch = task.collate(task.encode(examples, "en", Layout()), "en", data.layout)
    assert (batch.windows, batch.labels.tolist()) == ([1, 2, 1], [0, 1, 2])
    vectors = module.represent(batch).sentence
    alone = module.encoder.represent(
        data.layout.batch(halves), partner=None, representation=module.representation
    ).sentence
    torch.testing.assert_close(vectors[1], alone.mean(0))
    torch.testing.assert_close(
        vectors[::2], module.represent(collated(module, data, ["bank", "sees"], windows=True)).sentence
    )


def test_what_stands_after_the_first_window_matters_only_with_windows(world):
    module, data = world
    for windows, differs in ((True, True), (False, False)):
        one, other = (module(collated(module, data, [text], windows=windows)) for text in (TEXT, f"{TEXT} gold birds"))
        # evenly cut, so that another length moves the windows; cut, the beginning is all there is
        assert one.allclose(other) is not differs


def test_it_is_learned_however_an_update_is_cut(toy, tmp_path):
    """Every part holds whole texts; the sum over parts is one update."""
    weights = []
    for tokens in (40, 4000):
        module, data = tuned(toy, "finetune.max_length=8", "finetune.windows=true", "finetune.dropout=0", tokens=tokens)
        without_dropout(module)
        parts = [part for update in data.train_dataloader() for part in update.parts]
        assert any(part.windows for part in parts)
        fitted(module.double(), data, tmp_path / str(tokens), epochs=1)
        weights.append(torch.cat([one.flatten() for one in module.head.parameters()]))
    torch.testing.assert_close(*weights)


def test_the_default_cuts(toy):
    assert not configured(toy, "method=none").finetune.windows
