"""Figure 6: which class is taken for which, run beside run."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from mlalign.reporting.drawing.heatmap import bar, cells, letters, shape
from mlalign.reporting.drawing.style import house_style, kinds, panels
from mlalign.reporting.figures import Panels, Request
from mlalign.reporting.recorded import labels_of, language_of, predictions_of

NUMBER, TITLE = 6, "Confusion of classes"
CAPTION = (
    "Rows are gold classes and sum to 100 %; {language}, summed over the seeds of each: {runs}. Of entities "
    "single words are counted, where tables have the F1 of whole entities."
)
BY_NAME, IN_REPORT = False, "parts"


def collect(panels: Panels, request: Request) -> pd.DataFrame:
    """From the predictions in the runs' folders, those of a panel's runs together."""
    language = language_of(panels, request.language)
    labels: dict[str, tuple[list[str], list[str]]] = {}
    for name, runs in panels.items():
        gold, predicted = labels.setdefault(name, ([], []))
        for run in runs:
            one, other = predictions_of(run, language)
            gold += one
            predicted += other
    return numbers(labels, labels_of(next(iter(panels.values()))[0]), language)


def numbers(
    runs: Mapping[str, tuple[Sequence[str], Sequence[str]]], labels: Sequence[str], language: str
) -> pd.DataFrame:
    """Counts, and their share in the gold class in per cent.

    Args:
        runs: what a run is called -> its gold and its predicted labels.
        labels: in the order of rows and columns.
        language: of the texts.

    Returns:
        Columns ``run``, ``language``, ``gold``, ``predicted``, ``count``, ``share``; the share is
        missing where a class has no example.
    """
    pairs = pd.MultiIndex.from_product([labels, labels], names=["gold", "predicted"])
    parts = []
    for run, (gold, predicted) in runs.items():
        found = pd.DataFrame({"gold": gold, "predicted": predicted}).value_counts()
        counts = found.reindex(pairs, fill_value=0).reset_index(name="count")
        counts["share"] = 100 * counts["count"] / counts.groupby("gold")["count"].transform("sum")
        counts.insert(0, "run", run)
        counts.insert(1, "language", language)
        parts.append(counts)
    return pd.concat(parts, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One matrix for every run: rows are gold classes and sum to 100 %."""
    with house_style():
        names, labels = kinds(frame["run"]), kinds(frame["gold"])
        beside, cell = shape(len(names), len(labels))
        figure, axes = panels(len(names), height=cell * len(labels) + 1.2, most=beside)
        for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
            one = frame[frame["run"] == name]
            share, count = (
                one.pivot(index="gold", columns="predicted", values=value).loc[labels, labels]
                for value in ("share", "count")
            )
            total = int(count.to_numpy().sum())
            right = 100 * count.to_numpy().diagonal().sum() / total
            first = place % beside == 0
            image = cells(axis, share, low=0, high=100, form="{:.1f}", size=letters(cell), rows=first)
            of = "words" if "O" in labels else "texts"
            axis.set_title(f"{name}\n{one['language'].iloc[0]}, {right:.1f} % of {total:,} {of} right")
            axis.set_xlabel("predicted")
            if first:
                axis.set_ylabel("gold")
        bar(figure, image, axes, "% of the gold class")
    return figure
