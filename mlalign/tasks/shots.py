"""A few labels of target languages: drawn from their train parts, by seed."""

import logging
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from mlalign.data.languages import ENGLISH
from mlalign.data.overlap import folded
from mlalign.data.readers import AnyExample, LabelledText, Part
from mlalign.data.sampling import stream
from mlalign.data.task_files import TaskFiles
from mlalign.errors import DataError

log = logging.getLogger(__name__)


def draw_shots(files: TaskFiles, seed: int) -> dict[str, Part[AnyExample]]:
    """The labelled examples that ``files.shots`` asks for.

    Of a language the number is that of all examples together, as Lauscher et al. 2020 (arXiv:2005.00633) count;
    classes are drawn in turn, so that a multiple of their number is the "N-way K-shot" of Zhao et al. 2021
    (arXiv:2012.15682). Sentences with tags, and questions, are drawn uniformly. What stands in the part that is scored
    in the language, whatever its case and punctuation, is never drawn. The draw depends on the seed, the language and
    these files alone, and the first 10 of 20 are the 10.

    Args:
        files: of the task.
        seed: of fine-tuning.

    Returns:
        Language -> its train part with the drawn examples alone, in the order in which they were drawn.

    Raises:
        DataError: there are fewer examples than asked for.
    """
    found = {}
    for language, number in files.shots.items():
        part, scored = files.read(language, "train"), files.scored_texts(language)
        left_out = [place for place, one in enumerate(part.examples) if folded(one.parts) in scored]
        if left_out:
            log.info("%s: %d of %d stand in what is scored, and are not drawn", part.path, len(left_out), part.rows)
        classes = [one.label if isinstance(one, LabelledText) else None for one in part.examples]
        order = turns(classes, stream(seed, "shots", language), left_out)
        if len(order) < number:
            raise DataError(
                f"{part.path}: finetune.shots={{{language}: {number}}} asks for {number} labelled examples, and there "
                f"are {len(order)}"
                + (f", without {len(left_out)} that stand in what is scored" if left_out else "")
                + "; ask for fewer"
            )
        found[language] = part._replace(examples=[part.examples[place] for place in order[:number]], dropped={})
    return found


def turns(classes: Sequence[Hashable], random: np.random.Generator, left_out: Iterable[int] = ()) -> list[int]:
    """Places of examples, in random order, every class in turn as long as it has some.

    Args:
        classes: of the examples.
        random: is drawn from as often whatever is left out.
        left_out: places that are not among them.
    """
    order, tie = random.permutation(len(classes)), random.random(len(classes))
    seen: Counter[Hashable] = Counter()
    found = []
    for place in order[~np.isin(order, list(left_out))].tolist():
        found.append((seen[classes[place]], tie[place], place))
        seen[classes[place]] += 1
    return [place for *_, place in sorted(found)]


def labels_read(source: str, shots: Mapping[str, int]) -> set[str]:
    """The labels that were learned, as results say it."""
    return {"English labels" if source == ENGLISH else f"labels in {source}"} | {
        f"{number} {'label' if number == 1 else 'labels'} in {language}" for language, number in shots.items()
    }
