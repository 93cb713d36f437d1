"""Which panels a dashboard has, in sections that follow a run from alignment to test."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlalign.reporting.keys import (
    AVERAGES,
    FIGURES,
    HELD_OUT,
    LOSSES,
    PREDICTIONS,
    ROW,
    STEP_OF,
    WEIGHTS,
    average_key,
    score_key,
)

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2.interface import Panel

PER_LANGUAGE = {  # of the measures of held-out pairs
    "retrieval": "P@1, mean of both ways (%)",
    "similarity": "cosine of translations less that of others",
    "prototype_cosine": "prototypes: cosine to English",
    "alignment": "alignment",
    "uniformity": "uniformity",
}
GAME = {
    "align/discriminator/accuracy": "discriminator, balanced accuracy (%)",
    "align/loss/discriminator": "discriminator, loss",
    "align/loss/adversarial": "adversarial loss",
}
HEALTH = {
    "align/in_batch_accuracy": "in-batch accuracy (%)",
    "held_out/retrieval/mean": "held-out retrieval (%)",
    "held_out/language_probe": "language probe (%)",
    "align/clamped_share": "clamped entries (%)",
    "align/gradient_norm/backbone": "gradient norm",
    "align/pairs_per_second": "pairs a second",
}
MOST_BARS = 100  # every method, tuned too
LEARNING = {"finetune/loss": "English, training loss", "finetune/dev": "English dev (%)"}

Sections = list[tuple[str, list["Panel"]]]  # name, panels


def sections(metric: str, languages: Sequence[str], losses: Sequence[str], tunings: Sequence[str]) -> Sections:
    """Sections by name, the results first.

    Args:
        metric: of the task.
        languages: tested ones, in the order of their panels.
        losses: of the method.
        tunings: whose terms are shown together; none for no panel.
    """
    import wandb_workspaces.reports.v2 as wr

    return [
        (
            "Averages, by row of a table",
            [
                *(_compared(average_key(one), one) for one in AVERAGES),
                wr.RunComparer(diff_only="split"),
            ],
        ),
        (
            "Test, by language",
            [_compared(score_key(metric, language), language) for language in languages],
        ),
        ("Confusion", [wr.MediaBrowser(media_keys=[f"{FIGURES}confusion"])]),
        ("Predictions", [wr.WeavePanelSummaryTable(table_name=PREDICTIONS)]),
        (
            "Held-out pairs, by language",
            [_lines(title, pattern=f"{HELD_OUT}{name}/.*") for name, title in PER_LANGUAGE.items()],
        ),
        ("Alignment: losses", [_lines(one, f"{LOSSES}{one}") for one in losses]),
        ("Alignment: learned weights", [_lines("weights", pattern=f"{WEIGHTS}.*")]),
        ("Alignment: discriminator", [_lines(title, key) for key, title in GAME.items()]),
        ("Alignment: health", [_lines(title, key) for key, title in HEALTH.items()]),
        (
            "Fine-tuning",
            [
                *(_lines(title, key) for key, title in LEARNING.items()),
                *([_lines("tunings", pattern=f"finetune/({'|'.join(tunings)})")] if tunings else []),
            ],
        ),
        (
            "Figures",
            [wr.MediaBrowser(media_keys=[f"{FIGURES}{one}"]) for one in ("curves", "correlation")],
        ),
    ]


def _lines(title: str, key: str | None = None, *, pattern: str | None = None) -> "Panel":
    """One number, or all whose names fit a pattern, against its stage's step."""
    import wandb_workspaces.reports.v2 as wr

    name = key or pattern or ""
    axis = next(axis for prefix, axis in STEP_OF.items() if name.startswith(prefix))
    return wr.LinePlot(title=title, x=axis, y=[key] if key else [], metric_regex=pattern)


def _compared(key: str, title: str) -> "Panel":
    """A bar for each row of a table, the mean over its runs with their spread."""
    import wandb_workspaces.reports.v2 as wr

    return wr.BarPlot(
        title=title,
        metrics=[key],
        groupby=wr.Config(ROW),
        groupby_aggfunc="mean",
        groupby_rangefunc="stddev",
        max_bars_to_show=MOST_BARS,
    )
