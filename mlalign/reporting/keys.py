"""What a run calls its numbers where they are shown live; the dashboard asks for the same names.

What stands before the last slash is one group of panels, one panel for each language.
"""

STEP_OF = {  # numbers that begin so -> the axis that they are drawn against
    "align/": "align/step",
    "held_out/": "align/step",
    "finetune/": "finetune/step",
    "lr-": "finetune/step",
}
LOSSES, WEIGHTS = "align/loss/", "align/weight/"
HELD_OUT = "held_out/"
AVERAGES = ("average", "transfer_average", "transfer_gap")
CONFUSION = "confusion/"  # confusion/LANGUAGE
PREDICTIONS = "predictions"
FIGURES = "figure/"  # figure/NAME
WARNINGS = "warnings"
ROW, TASK = "row", "task_name"  # in the configuration: method and ablation; the task


def score_key(metric: str, language: str, part: str = "test") -> str:
    """Of a score in per cent."""
    return f"{part}/{metric}/{language}"


def average_key(average: str, part: str = "test") -> str:
    """Of one of ``AVERAGES``."""
    return f"{part}/{average}"
