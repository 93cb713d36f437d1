"""Everything a user can type, typed: the schema of ``conf/``. Only entry points import it."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from mlalign.config.corpora import Prepare
from mlalign.config.enums import (
    Accelerator,
    AdversaryInput,
    AdversarySchedule,
    Attention,
    Freeze,
    FusionForm,
    FusionKeys,
    Keep,
    LanguageTokenStart,
    LoggerName,
    OnBadLine,
    Partner,
    Pool,
    Precision,
    Representation,
    Selection,
    Vocabulary,
    WeightingForm,
    WeightingPer,
    WordHead,
)
from mlalign.config.task import Task


@dataclass
class Backbone:
    """The encoder we start from."""

    name: str = MISSING  # a hub id, or `tiny`: built here from the run's own text
    revision: str | None = None
    path: str | None = None  # a local folder; wins over the hub
    tokenizer: str | None = None  # a hub id or a folder; null: the backbone's own
    tokenizer_revision: str | None = None  # of a hub id
    dropout: float | None = None  # of hidden states and attention; null: the weights' own
    pool: Pool = MISSING
    gradient_checkpointing: bool = False  # a layer's activations are computed again, not kept
    attention: Attention = Attention.auto
    vocabulary_size: int = 12000  # this and the rest: `tiny` only
    layers: int = 2
    width: int = 128
    heads: int = 4


@dataclass
class Data:
    """Where the text lies."""

    source: str = MISSING  # sample | files | hub
    root: str = MISSING
    cache: str = "data/cache"
    parallel: list[str] = MISSING  # corpora under <root>/parallel
    languages: Any = None  # target languages: a list, core10 or paper16; null: all there are
    on_bad_line: OnBadLine = OnBadLine.error
    max_pairs: int | None = None  # per language, after filtering
    held_out: int = 500  # pairs of the largest language that only the curves see
    min_words: int = 1  # in subwords, either side
    max_ratio: float = 4.0  # between the subwords of the two sides
    sampling_exponent: float = 0.7


@dataclass
class AlignmentLearningRates:
    """Peak learning rates of alignment."""

    backbone: float = 5e-6
    embeddings: float | None = None  # null: as the backbone
    heads: float = 1e-4  # fusions and new heads
    discriminator: float = 8e-4
    weights: float = 1e-3  # at 20,000 steps; a shorter run gets more, so that they can arrive


@dataclass
class Adversary:
    """The discriminator's game (Eq. 1); lengths are fractions of the run."""

    input: AdversaryInput = AdversaryInput.mean
    normalise: bool = True  # a LayerNorm without parameters in front of the discriminator
    hidden: int | None = None  # null: the encoder's width
    dropout: float = 0.1
    schedule: AdversarySchedule = AdversarySchedule.joint
    discriminator_steps: int = 1
    weight: float = 0.1
    weighted: bool = False  # inside the learned weights (Eq. 15 as printed)
    warmup: float = 0.025
    ramp: float = 0.1


@dataclass
class Align:
    """The first stage: alignment on parallel text."""

    seed: int | None = None  # null: as `seed`
    steps: int = 20000
    pairs: int = 96
    max_length: int = 128
    accumulate: int = 1
    max_grad_norm: float | None = 1.0
    warmup: float = 0.05
    mask_rate: float = 0.15
    word_distribution_every: int = 1  # every how many-th pair of a batch enters Eq. 13
    word_head: WordHead = WordHead.backbone
    head_warmup: int = 100  # steps before `steps` for a masked-word head that starts at random
    vocabulary: Vocabulary = Vocabulary.full  # what Eqs. 12 and 13 normalise over; seen: in `data`
    language_token_start: LanguageTokenStart = LanguageTokenStart.type_mean
    prototype_momentum: float = 0.99
    prototype_sentences: int = 2000
    curves: int = 10  # how often in a run the held-out pairs are scored
    learning_rate: AlignmentLearningRates = field(default_factory=AlignmentLearningRates)
    adversary: Adversary = field(default_factory=Adversary)


@dataclass
class Fusion:
    """The two attention fusions (Eqs. 2-6, 10, 11)."""

    form: FusionForm = FusionForm.off
    keys: FusionKeys = FusionKeys.prototype
    temperature: float | None = None  # null: the square root of the width
    partner_drop: float = 0.5  # share of batches in which words attend to their own sentence only


@dataclass
class Weighting:
    """How Eq. 15 adds the losses up."""

    form: WeightingForm = WeightingForm.kendall
    per: WeightingPer = WeightingPer.loss
    bound: float = 2.0  # learned log variances stay within plus and minus this


@dataclass
class Method:
    """A named choice of losses, fusion and weighting."""

    name: str = MISSING
    language_tokens: bool = MISSING


@dataclass
class Ablation:
    """What is taken away from the method, whatever it is; ``ablation=[a,b]`` takes away both."""

    parts: dict[str, list[str]] = field(default_factory=dict)  # choice -> losses, or `fusion`
    name: str = "none"  # this and the rest follow from the parts
    without: list[str] = field(default_factory=list)
    fusion: bool = True


@dataclass
class Finetune:
    """The second stage: English labels only."""

    seed: int | None = None  # null: as `seed`
    epochs: int = MISSING
    batch_size: int = 32
    learning_rate: float = 2e-5
    head_learning_rate: float | None = None  # null: as the encoder
    warmup: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float | None = 1.0
    dropout: float = 0.1
    max_length: int = 128
    evaluations: int = 10  # how often English dev is scored
    freeze: Freeze = Freeze.nothing
    partner: Partner = Partner.sample
    representation: Representation = Representation.prototype
    selection: Selection = Selection.english_dev


@dataclass
class Trainer:
    """How Lightning runs; ``options`` are passed on to it as they are."""

    accelerator: Accelerator = Accelerator.auto
    precision: Precision = Precision.auto
    tokens: int | None = None  # subwords at a time, learned or scored; null: 1024, GPU 8192
    threads: int | None = None  # null: as torch decides
    keep_freed_memory: bool = True  # malloc keeps large blocks for the next step
    workers: int = 0
    compile: bool = False  # torch.compile for the encoder while it learns
    devices: Any = 1  # processes of this machine; auto: all GPUs, or what torchrun or SLURM started
    progress: bool = True
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Logger:
    """Where curves go; ``options`` are passed on to TensorBoard's logger or ``wandb.init``."""

    name: LoggerName = LoggerName.csv
    options: dict[str, Any] = field(default_factory=dict)
    group: str | None = None  # this and the rest: wandb only; null: sweep, experiment, or setting
    rows: int = 200  # of each language in the table of predictions
    texts: bool = False  # test texts in it, where their licence lets them leave this machine
    figures: bool = True
    artifacts: bool = False  # send results, predictions and the aligned encoder along


@dataclass
class Train:
    """One run of ``train.py``."""

    backbone: Backbone = field(default_factory=Backbone)
    data: Data = field(default_factory=Data)
    prepare: Prepare = field(default_factory=Prepare)
    method: Method = field(default_factory=Method)
    losses: dict[str, Any] = field(default_factory=dict)  # name -> what its objective's Settings hold
    ablation: Ablation = field(default_factory=Ablation)
    fusion: Fusion = field(default_factory=Fusion)
    weighting: Weighting = field(default_factory=Weighting)
    align: Align = field(default_factory=Align)
    task: Task = field(default_factory=Task)
    finetune: Finetune = field(default_factory=Finetune)
    trainer: Trainer = field(default_factory=Trainer)
    logger: Logger = field(default_factory=Logger)
    seed: int = 1
    keep: Keep = Keep.best_and_last  # weights: none | tested | best_and_last | all evaluations
    resume: Any = True  # true | false | the folder of an unfinished alignment
    output: str = "outputs"  # runs; `multirun` in a sweep
    aligned: str = "outputs/aligned"  # encoders that later runs find again


ConfigStore.instance().store("train_schema", Train)
