"""Made cases in several scripts, as a section of the page."""

import random
from pathlib import Path

from reporting.made import results

from mlalign.metrics.tasks import task_metrics
from mlalign.reporting.comparison import comparison
from mlalign.reporting.report.cases import Cases, Texts
from mlalign.reporting.report.facts import facts_of
from mlalign.reporting.report.page import Section
from mlalign.reporting.rows import rows_of
from mlalign.reporting.runs import Run

WORDS = {
    "en": "the market rose after a quiet day of trading in London while investors waited",
    "ar": "ارتفعت الأسواق بعد يوم هادئ من التداول في لندن بينما انتظر المستثمرون",
    "ur": "لندن میں ایک پرسکون دن کے بعد بازار میں تیزی آئی اور سرمایہ کار منتظر رہے",
    "he": "השוק עלה אחרי יום רגוע של מסחר בלונדון בזמן שהמשקיעים חיכו",
    "hi": "लंदन में शांत दिन के बाद बाजार चढ़ा और निवेशक प्रतीक्षा करते रहे",
    "zh": "伦 敦 市 场 在 平 静 的 一 天 交 易 后 上 涨 投 资 者 等 待",
    "ru": "рынок вырос после спокойного дня торгов в Лондоне пока инвесторы ждали",
}
NASTY = "</script><!-- <script>alert(1)</script> & \" ' \u0000\u0007 \u2028 ${x} `y` \ud800"
LABELS = ["A<b>", "B&", "C", "D"]
ENTITIES = ["PER", "LOC", "ORG"]


def label_cases(examples: int, rows: int = 3, seeds: int = 2, task: str = "mldoc") -> Cases:
    """So many examples in each language."""
    draw = random.Random(1)
    count = examples * len(WORDS)
    gold = [draw.randrange(len(LABELS)) for _ in range(count)]

    def answers(share: float) -> list[int]:
        return [one if draw.random() < share else draw.randrange(len(LABELS)) for one in gold]

    names = ["none", *(f"row{n}" for n in range(1, rows))]
    said = {
        name: {str(seed): answers(0.3 + 0.5 * place / rows) for seed in range(1, seeds + 1)}
        for place, name in enumerate(names)
    }
    ids = [str(n + 1) for _ in WORDS for n in range(examples)]
    known = [str(seed) for seed in range(1, seeds + 1)]
    languages = dict.fromkeys(WORDS, examples)
    return Cases(task, task_metrics()["accuracy"], list(LABELS), languages, ids, gold, names, known, said)


def label_texts(examples: int, words: int = 12) -> dict[str, Texts]:
    """Every text is another one; the first English one is nasty."""
    draw = random.Random(2)
    found = {
        language: Texts(
            [[f"{n} " + " ".join(draw.choice(text.split()) for _ in range(words))] for n in range(examples)]
        )
        for language, text in WORDS.items()
    }
    found["en"].parts[0][0] = NASTY  # type: ignore[index]
    return found


def entity_cases() -> tuple[Cases, dict[str, Texts]]:
    """Two sentences in English and Urdu, with entities found, missed and mistaken."""
    outcomes = [(("PER", 0, 1), ("LOC", 3, 3)), (("PER", 0, 1),), (), (("ORG", 3, 3),)]
    gold = [0, 2, 1, 3]
    said = {"none": {"1": [2, 2, 2, 2]}, "row1": {"1": [0, 2, 1, 0]}}
    texts = {language: Texts([WORDS[language].split()[:6], WORDS[language].split()[2:8]]) for language in ("en", "ur")}
    languages = {"en": 2, "ur": 2}
    cases = Cases(
        "panx", task_metrics()["entity_f1"], list(outcomes), languages, list("1212"), gold, list(said), ["1"], said
    )
    return cases, texts


def section(cases: Cases, texts: dict[str, Texts]) -> Section:
    """With a table and facts of runs that nobody made."""
    runs = [
        Run(Path(f"outputs/{method}{seed}"), results(method, seed, task=cases.task))
        for method in ("none", "multilevel")
        for seed in (1, 2)
    ]
    (table,) = comparison(runs, resamples=0)
    return Section(table, facts_of(rows_of(runs, "main")), [], cases, texts)
