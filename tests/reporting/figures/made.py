"""Made numbers of every figure, with labels in many scripts."""

import numpy as np
import pandas as pd

from mlalign.reporting.figures import (
    confusion,
    correlation,
    curves,
    differences,
    similarity_transfer,
    tsne_classes,
    tsne_languages,
    word_pairs,
)
from mlalign.reporting.recorded import CURVE_COLUMNS

SCRIPTS = {
    "Latin": "Größe, naïve, İstanbul, Łódź, tiếng Việt",
    "Greek": "μηχανική μάθηση",
    "Cyrillic": "машинное обучение, Тёмный",
    "Hebrew": "למידת מכונה",
    "Arabic": "التعلم الآلي مفيد (2024)",
    "Urdu": "مشین لرننگ مفید ہے",
    "Devanagari": "मशीन लर्निंग उपयोगी है, क्षेत्र स्त्री",
    "Thai": "การเรียนรู้ของเครื่อง",
    "Chinese": "机器学习很有用。",
    "Japanese": "機械学習は役に立つ、カタカナ",
    "Korean": "기계 학습은 유용하다",
}
LABELS = ["Markets", "Corporate", "Economics", "Government"]
WORDS = [
    ("river", "नदी"),
    ("woman", "स्त्री"),
    ("sun", "太阳"),
    ("house", "گھر"),
    ("tree", "나무"),
    ("book", "كتاب"),
]


def random() -> np.random.Generator:
    return np.random.default_rng(0)


def a_confusion() -> pd.DataFrame:
    gold = random().choice(LABELS, 60).tolist()
    return confusion.numbers({"none": (gold, gold[::-1]), "both": (gold, gold)}, LABELS, "de")


def a_confusion_of_tags() -> pd.DataFrame:
    """Three panels in two rows, whose cells are squares of what room is left."""
    tags = ["O", *(f"{part}-{kind}" for kind in ("PER", "ORG", "LOC") for part in "BI")]
    gold = random().choice(tags, 80).tolist()
    return confusion.numbers(dict.fromkeys(("inter_sentence", "none", "p"), (gold, gold[::-1])), tags, "de")


def a_correlation() -> pd.DataFrame:
    vectors = {name: (random().normal(size=(5, 8)), random().normal(size=(6, 8))) for name in "ab"}
    source, target = (
        ["Machine", "learning", "is", "useful"],
        "Maschinelles Lernen ist sehr nützlich",
    )
    return correlation.numbers(vectors, source, target.split())


def some_curves() -> pd.DataFrame:
    rows = [
        (stage, quantity, "nats", axis, run, seed, step, 1 / (1 + step) + seed)
        for stage, quantity, axis in (
            ("finetune", "loss", "epoch"),
            ("finetune", "English dev", "epoch"),
            ("align", "inter-sentence", "step"),
        )
        for run in ("none", "multilevel")
        for seed in (1, 2)
        for step in range(9)
    ]
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def some_classes() -> pd.DataFrame:
    runs = {name: (random().normal(size=(24, 8)), LABELS * 6) for name in ("none", "multilevel")}
    return tsne_classes.numbers(runs, "de", seed=1)


def some_languages() -> pd.DataFrame:
    encoders = {"before": (random().normal(size=(24, 8)), 99.0)}
    return tsne_languages.numbers(encoders, ["en", "de", "zh"] * 8, seed=1)


def some_pairs() -> pd.DataFrame:
    vectors = random().normal(size=(6, 8))
    return word_pairs.numbers({"after": (vectors, vectors, 50.0)}, WORDS, ("en", "xx"), seed=1)


def a_transfer() -> pd.DataFrame:
    rows = [
        (run, seed, language, place / 10 + seed / 100, 50 + 5 * place + seed, "mldoc", "accuracy")
        for run in ("none", "multilevel")
        for seed in (1, 2)
        for place, language in enumerate(["de", "fr", "ru", "zh"])
    ]
    return pd.DataFrame(rows, columns=list(similarity_transfer.COLUMNS))


def some_differences() -> pd.DataFrame:
    rows = [
        ("mldoc", "multilevel", "none", 5, -59.7, -61.2, -58.2, -61.0, -58.4),
        ("mldoc", "multilevel", SCRIPTS["Thai"], 5, 0.2, -0.5, 0.9, -0.4, 0.8),
        ("panx", "multilevel", SCRIPTS["Arabic"], 1, 3.0, None, None, None, None),
        ("panx", "multilevel", "inter_sentence", 2, -1.0, -9.5, 7.5, None, None),
    ]
    return pd.DataFrame(rows, columns=list(differences.COLUMNS))


FIGURES = {
    "confusion": (a_confusion, confusion.draw),
    "confusion of tags": (a_confusion_of_tags, confusion.draw),
    "correlation": (a_correlation, correlation.draw),
    "curves": (some_curves, curves.draw),
    "differences": (some_differences, differences.draw),
    "similarity_transfer": (a_transfer, similarity_transfer.draw),
    "tsne_classes": (some_classes, tsne_classes.draw),
    "tsne_languages": (some_languages, tsne_languages.draw),
    "word_pairs": (some_pairs, word_pairs.draw),
}
