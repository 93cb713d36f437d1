"""The paper's own rows, copied from it: to be read beside ours, never tested against.

``paper.json`` holds the numbers of its Tables 2 to 6: A. Gui and H. Xiao, Multi-level multilingual
semantic alignment for zero-shot cross-lingual transfer learning, Neural Networks 173 (2024) 106217.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from mlalign.data.languages import ENGLISH
from mlalign.files import JsonObject
from mlalign.reporting.results import Results, summary
from mlalign.reporting.tables import Cell, Row

SOURCE = "Gui and Xiao 2024"
TABLES: Mapping[str, JsonObject] = json.loads(Path(__file__).with_name("paper.json").read_text(encoding="utf-8"))
ORDER = {
    "mldoc": ("en", "de", "es", "fr", "it", "ja", "ru", "zh"),
    "pawsx": ("en", "fr", "es", "de", "zh", "ja", "ko"),
    "panx": ("en", "ar", "de", "es", "fr", "ru", "vi"),
}
ABLATIONS = (
    "none",
    *(row["model"] for row in TABLES["table5_ablation_mldoc"]["rows"] if "no_" in row["model"]),
)
XLMR, MBERT = "FacebookAI/xlm-roberta-base", "google-bert/bert-base-multilingual-cased"
BACKBONES = {"main": (XLMR, MBERT), "backbone": (XLMR, MBERT), "ablation": (XLMR,)}
# Most cells of this one are lost in the copy at hand; its averages are over all seven languages.
AVERAGES_ONLY = "table6_ablation_panx"
ROUNDING = 0.11  # of scores to one decimal, and of an average that was cut rather than rounded


def in_order(task: str, languages: Collection[str], source: str = ENGLISH) -> list[str]:
    """The source, the paper's languages in its order, then the others by their codes."""
    first = (source, *ORDER.get(task, ()))
    place = {language: number for number, language in reversed([*enumerate(first)])}
    return sorted(languages, key=lambda one: (place.get(one, len(first)), one))


def reason_against(kind: str, table: str | None, task: str, runs: Sequence[Results]) -> str | None:
    """Why the paper's rows make no sense beside these results; None where they do."""
    if table is None:
        return f"the paper has no such table for {task}"
    if any(one.is_of_sample for one in runs):
        return "these runs are on the generated sample"
    if any(one.split != "test" or one.is_upper_bound for one in runs):
        return "these scores are of another part than test, or an upper bound"
    if any(one.source != ENGLISH for one in runs):
        return "it learned English labels"
    if any(one.shots for one in runs):
        return "a few labels of target languages were learned (finetune.shots)"
    if any(one.setting("task").get(key) for one in runs for key in ("max_train", "max_test")):
        return "not all of the task was learned or scored (task.max_train, task.max_test)"
    others = sorted({one.backbone for one in runs} - set(BACKBONES[kind]))
    if others:
        return f"its backbones are {' and '.join(BACKBONES[kind])}, found {', '.join(others)}"
    return None


def keeps_averages(table: str, languages: Collection[str]) -> bool:
    """Whether copied rows in these columns have the average that is printed, for want of the scores that it is of."""
    return table == AVERAGES_ONLY and set(languages) == set(ORDER["panx"])


def copied_rows(table: str, languages: Sequence[str]) -> list[Row]:
    """The rows of a table of the paper, in our columns.

    The printed average is over all languages in some rows and over targets in others; here both are computed from
    the copied scores, over our columns alone, and missing where a score is; but see ``keeps_averages``.
    """
    number = f"Table {table.removeprefix('table').split('_')[0]}"
    rows = []
    for printed in TABLES[table]["rows"]:
        scores = {one: printed.get(one) for one in languages}
        summaries = summary(scores)
        if keeps_averages(table, languages):
            summaries["average"] = printed["avg"]
        cells = {column: Cell(() if value is None else (value,)) for column, value in (scores | summaries).items()}
        name = printed["model"].replace(" (re-trained on the same corpus)", " re-trained")
        rows.append(Row(name, cells, runs=0, copied=f"{SOURCE}, {number}"))
    return rows


def misprints(table: str) -> list[str]:
    """Rows whose printed average is not that of the scores beside it, rounding aside."""
    if table == AVERAGES_ONLY:
        return []
    found = []
    for row in TABLES[table]["rows"]:
        scores = [row[one] for one in TABLES[table]["columns"] if one != "avg"]
        known = [score for score in scores if score is not None]
        if row["avg"] is not None and abs(row["avg"] - sum(known) / len(known)) > ROUNDING:
            mean = sum(known) / len(known)
            found.append(f"{row['model']} is printed with {row['avg']}, its scores give {mean:.1f}")
    return found
