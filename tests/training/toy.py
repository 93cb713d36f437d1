"""A toy world: text in ciphers of English, a tiny backbone, modules built from Hydra's files."""

import copy
import functools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from composing import composed
from lightning.pytorch.loggers.logger import Logger
from torch.utils.data import DataLoader

from mlalign.alignment.batch import EncodedBatch
from mlalign.alignment.module import AlignmentModule
from mlalign.alignment.objectives import objective_types
from mlalign.alignment.objectives.base import Objective, Parts
from mlalign.alignment.validation import settings_of
from mlalign.config.hydra import resolve
from mlalign.config.schema import Align, Train
from mlalign.data.parallel import ParallelBatch, ParallelDataModule, as_it_is
from mlalign.data.sampling import PairBatches
from mlalign.stages.align import AlignmentStage
from mlalign.stages.backbone import Backbone
from mlalign.stages.chain import encoder_folders
from mlalign.stages.parallel_text import ParallelText
from mlalign.stages.validation import check_parts
from mlalign.training.trainer import make_trainer

CONF = Path(__file__).parents[2] / "conf"
PAIRS = 120
LANGUAGES = ("de", "fr")
METHODS = ("multilevel", "multilevel_v1", "literal", "mlm", "inter_sentence")
ABLATIONS = (
    "no_afm", "no_lang", "no_sent", "no_intra", "no_inter", "no_word", "no_mlm", "no_dist", "no_links",
)  # fmt: skip
REFUSED = {  # takes away what the method does not have, or all that it has
    *(("mlm", name) for name in ABLATIONS),
    *(("inter_sentence", name) for name in ABLATIONS),
    *((name, "no_links") for name in ("multilevel_v1", "literal")),
}
WORDS = {
    "subject": ["bank", "market", "river", "teacher", "army", "engine", "garden", "doctor"],
    "verb": ["sees", "buys", "finds", "loves", "leaves", "paints"],
    "object": ["bread", "houses", "letters", "music", "stones", "gold", "birds"],
    "when": ["today", "often", "never", "again"],
}
TOPICS = ("CCAT", "ECAT", "GCAT", "MCAT")
SMALL = (
    "backbone=tiny", "backbone.width=32", "backbone.layers=1", "backbone.heads=2",
    "backbone.vocabulary_size=300", "data=files", "data.parallel=[toy]", "data.held_out=12",
    "align.steps=4", "align.batch_size=8", "align.max_length=32", "align.validations=1",
    "align.prototype_sentences=20", "trainer=cpu", "trainer.precision=float32",
    "trainer.progress=false",
)  # fmt: skip
STILL = ("align.adversary.dropout=0", "weighting.form=fixed")  # with `without_dropout`


def cipher(sentence: str, language: str) -> str:
    """Another language: every word is written backwards, or turned and given an ending."""
    if language == "en":
        return sentence
    words = sentence.split()
    if language == "de":
        return " ".join(word[::-1] for word in words)
    return " ".join(word[2:] + word[:2] + "o" for word in reversed(words))


def sentences(number: int, seed: int = 0) -> list[str]:
    """English, no sentence twice."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < number:
        found[" ".join(draw.choice(WORDS[slot]) for slot in WORDS)] = None
    return list(found)


def write_toy(root: Path) -> Path:
    """Parallel text of two languages, an MLDoc and a PAN-X of three."""
    corpus = root / "parallel" / "toy"
    corpus.mkdir(parents=True)
    for place, language in enumerate(LANGUAGES):
        lines = [f"{one}\t{cipher(one, language)}\n" for one in sentences(PAIRS, seed=place)]
        (corpus / f"en-{language}.tsv").write_text("".join(lines), encoding="utf-8")
    (root / "lexicon").mkdir()
    for language in LANGUAGES:
        words = [f"{word}\t{cipher(word, language)}\n" for slot in WORDS.values() for word in slot]
        (root / "lexicon" / f"en-{language}.tsv").write_text("".join(words), encoding="utf-8")
    _write_mldoc(root / "tasks" / "mldoc")
    _write_panx(root / "tasks" / "panx")
    return root


def _write_mldoc(folder: Path) -> None:
    folder.mkdir(parents=True)
    names = {"en": "english", "de": "german", "fr": "french"}
    parts = [("en", "train.1000", 40), ("en", "dev", 12)]
    parts += [(language, "test", 10) for language in names]
    parts += [(language, "train.1000", 20) for language in LANGUAGES]
    for seed, (language, part, size) in enumerate(parts):
        lines = [
            f"{TOPICS[WORDS['subject'].index(one.split()[0]) % 4]}\t{cipher(one, language)}\n"
            for one in sentences(size, seed=10 + seed)
        ]
        (folder / f"{names[language]}.{part}").write_text("".join(lines), encoding="utf-8")
    english = [line.split("\t") for line in (folder / "english.train.1000").read_text().splitlines()]
    for language in LANGUAGES:
        lines = [f"{label}\t{cipher(text, language)}\n" for label, text in english]
        (folder / f"english.train.1000.{names[language]}").write_text("".join(lines), encoding="utf-8")


def _write_panx(folder: Path) -> None:
    """The subject is a person, the object a place; one sentence is too long for one sequence."""
    parts = [("en", "train", 30), ("en", "dev", 8), *((one, "test", 8) for one in ("en", "de"))]
    parts += [("de", "train", 12), ("de", "translated_train", 30)]
    for place, (language, part, size) in enumerate(parts):
        chosen = sentences(size, seed=20 if part == "translated_train" else 20 + place)
        chosen[3] = " ".join(chosen[:8])
        rows = []
        for one in chosen:
            for word in one.split():
                kind = {"subject": "B-PER", "object": "B-LOC"}
                tag = next((kind[k] for k in kind if word in WORDS[k]), "O")
                rows.append(f"{language}:{cipher(word, language)}\t{tag}\n")
            rows.append("\n")
        (folder / language).mkdir(parents=True, exist_ok=True)
        (folder / language / part).write_text("".join(rows), encoding="utf-8")


def write_trees(path: Path, number: int) -> Path:
    """Sentences with the only tree that they have."""
    shape = [(1, 2, "nsubj"), (2, 0, "root"), (3, 2, "obj"), (4, 2, "advmod")]
    rows = [
        "".join(
            f"{place}\t{word}\t_\t_\t_\t_\t{head}\t{relation}\t_\t_\n"
            for word, (place, head, relation) in zip(text.split(), shape, strict=True)
        )
        for text in sentences(number, seed=5)
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


class Memory(Logger):
    """Keeps what it is told."""

    name, version = "memory", 0

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int | None, dict[str, float]]] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.told.append((step, dict(metrics)))

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        pass


def configured(root: Path, *overrides: str) -> Train:
    """What a user gets who types these overrides, checked."""
    return copy.deepcopy(_configured(root, overrides))


@functools.cache
def _configured(root: Path, overrides: tuple[str, ...]) -> Train:
    places = (f"data.root={root}", f"data.cache={root}/cache", f"aligned={root}/aligned")
    chosen = any(one.startswith(("method=", "experiment=")) for one in overrides)
    method = () if chosen else ("method=multilevel_v1",)  # all losses read one pass, from the first step on
    return check_parts(resolve(composed(*SMALL, *places, *method, *overrides)))


def trainer(
    folder: Path,
    callbacks: Sequence[L.Callback] = (),
    *,
    loggers: Any = (),
    precision: str = "32-true",
    **stage: Any,
) -> L.Trainer:
    """As the stages make it, in silence."""
    return make_trainer(
        folder=folder,
        accelerator="cpu",
        precision=precision,
        loggers=loggers,
        callbacks=callbacks,
        bar=None,
        options={},
        **stage,
    )


def aligner(root: Path, *overrides: str, make: Callable[..., L.Trainer] = trainer) -> AlignmentStage:
    """Of a configuration."""
    config = configured(root, *overrides)
    text = ParallelText(config)
    return AlignmentStage(config, text, Backbone(config, text), make, precision="32-true")


def folder_of(stage: AlignmentStage) -> Path | None:
    """The encoder's folder, found or made; None where nothing aligns."""
    stages = [stage] if stage.config.method.stages else []
    folders = encoder_folders(stages, Path(stage.config.aligned), resume=stage.config.resume)
    return folders[-1] if folders else None


def built(root: Path, *overrides: str) -> tuple[AlignmentModule, ParallelDataModule]:
    """What a configuration trains, and on what."""
    return built_by(aligner(root, *overrides))


def built_by(maker: AlignmentStage) -> tuple[AlignmentModule, ParallelDataModule]:
    """As the stage does it before it trains."""
    module, data, _ = maker.assembled(maker.config, maker.attention)
    return module, data


def batches(data: ParallelDataModule, number: int) -> list[ParallelBatch]:
    """The first batches of the run."""
    loader = data.train_dataloader()
    assert isinstance(loader.sampler, PairBatches)
    return [loader.dataset[loader.sampler.key(0, place)] for place in range(number)]


def encoded(module: AlignmentModule, batch: ParallelBatch, *, partnered: bool = False) -> EncodedBatch:
    """What the objectives see of a batch."""
    return module.encoded(batch, partnered=partnered)


RESOURCES = {"word_links": ("data.links=ibm1",), "dict_mlm": ("data.lexicon=induced",)}


def composed_of(*names: str) -> tuple[str, ...]:
    """Overrides for a method of some objectives."""
    needed = [word for name in names for word in RESOURCES.get(name, ())]
    return ("method=none", "method.stages=[align]", f"losses=[{','.join(names)}]", *needed)


def alone(name: str) -> tuple[str, ...]:
    """Overrides for a method of one objective."""
    return (*composed_of(name), "method.language_tokens=true", "fusion.form=gated")


def pairs_of(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Name -> overrides for a method of two objectives each, of three where one is left."""
    size = len(names) // 2
    groups = [names[place::size] for place in range(size)]
    tokens = ("method.language_tokens=true", "fusion.form=gated")
    return {" and ".join(group): (*composed_of(*group), *tokens) for group in groups}


def objective(name: str, *, every: int = 1, **settings: Any) -> Objective:
    """One objective with these settings."""
    parts = Parts(
        dim=32, word_dim=32, layers=1, languages=("en", *LANGUAGES), align=Align(word_distribution_every=every)
    )
    return objective_types()[name](settings_of(name, settings), parts)


def without_dropout(module: torch.nn.Module) -> None:
    """For good: ``train()`` does not bring it back."""
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0


def exact(module: AlignmentModule) -> AlignmentModule:
    """In float64 and without dropout, gates open, so that gradients can be compared."""
    without_dropout(module)
    for fusion in (module.encoder.sentence_fusion, module.encoder.word_fusion):
        if fusion is not None and hasattr(fusion, "gate"):
            torch.nn.init.constant_(fusion.gate, 0.5)
    return module.double()


def fitted(
    module: AlignmentModule,
    batches: Sequence[ParallelBatch],
    folder: Path,
    callbacks: Sequence[L.Callback] = (),
) -> L.Trainer:
    """Train on these batches."""
    loader = DataLoader(list(batches), batch_size=None, collate_fn=as_it_is)
    loop = trainer(folder, callbacks, max_epochs=1)
    loop.fit(module, loader)
    return loop


def gradients(
    module: AlignmentModule, batches: Sequence[ParallelBatch], folder: Path
) -> dict[str, torch.Tensor | None]:
    """What every parameter would be moved by after these batches, were a step made."""
    module.step_players = lambda: None
    fitted(module, batches, folder)
    return {name: parameter.grad for name, parameter in module.named_parameters()}


def same_gradients(found: dict[str, torch.Tensor | None], expected: dict[str, torch.Tensor | None]) -> None:
    """Equal up to rounding in float64; what ``expected`` has besides must be zero or None."""
    for name, gradient in found.items():
        if gradient is None or expected[name] is None:
            assert gradient is expected[name], name
        else:
            torch.testing.assert_close(gradient, expected[name], rtol=1e-9, atol=1e-12, msg=name)


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy that later training does not move."""
    return {name: value.clone() for name, value in module.state_dict().items()}
