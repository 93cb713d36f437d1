"""Everything a user can type at ``train.py``, typed, with its range and what it affects: the schema of ``conf/``."""

from dataclasses import dataclass
from typing import Literal

from omegaconf import MISSING

from mlalign.config import enums
from mlalign.config.corpora import Prepare
from mlalign.config.frozen import Settings
from mlalign.config.settings import (
    A_CODE,
    A_NAME,
    A_PATH,
    A_PLACE,
    CLOSED_SHARE,
    CODES,
    COUNTS,
    NAMES,
    OPEN_SHARE,
    POSITIVE,
    SEED,
    SHARE,
    Affects,
    Range,
    at_least,
    between,
    setting,
)
from mlalign.config.task import Task
from mlalign.data.languages import ENGLISH
from mlalign.files import Json, JsonObject

RUN, NOTHING = Affects.run, Affects.nothing  # what says neither affects the alignment, too
BETAS = Range(lambda two: len(two) == 2 and all(0 <= one < 1 for one in two), "two shares in [0, 1)")
ODD = Range(lambda n: n > 0 and n % 2 == 1, "an odd number above 0")
WIDTH = between(1, 1 << 16)
NUMBERS = Range(lambda numbers: bool(numbers) and min(numbers) > 0, "a list of numbers from 1 on")
WIDTHS = Range(lambda widths: bool(widths) and all(map(WIDTH.allows, widths)), f"a list of widths {WIDTH.expected}")
DEVICES = Range(lambda n: n == "auto" or (type(n) is int and n > 0), "auto or a number")


@dataclass
class Adapter(Settings):
    """Small parts that learn in the backbone, whose own weights stay as they are."""

    form: enums.AdapterForm | None = None  # null: all weights learn
    size: int = setting(16, WIDTH)  # rank of lora, width of a bottleneck
    alpha: float | None = setting(None, POSITIVE)  # lora's product counts alpha / size times; null: once
    dropout: float = setting(0.0, SHARE)  # in front of lora
    layers: list[int] | None = setting(None, NUMBERS)  # that have one; 1 is the first above the embeddings; null: all
    learning_rate: float = setting(2e-4, at_least(0))  # in both stages, instead of the backbone's
    stages: list[enums.AdapterStage] = setting(lambda: list(enums.AdapterStage))  # in others all weights learn

    def learns_in(self, stage: enums.AdapterStage) -> bool:
        """Whether there is one that learns in a stage."""
        return self.form is not None and stage in self.stages


@dataclass
class Backbone(Settings):
    """The encoder we start from; the content of local folders is part of what it affects."""

    name: str = setting(MISSING, A_PLACE)  # a hub id; `tiny` and `bilstm` are built here from the run's own text
    revision: str | None = None  # a commit, tag or branch on the hub; null: the newest
    path: str | None = setting(None, A_PATH, affects=NOTHING)  # a local folder; wins over the hub
    tokenizer: str | None = setting(None, A_PATH, affects=RUN)  # a hub id or a folder; null: the backbone's own
    tokenizer_revision: str | None = None  # of a hub id
    dropout: float | None = setting(None, SHARE)  # of hidden states and attention; null: the weights' own
    note: str | None = setting(None, affects=NOTHING)  # what results say of its weights
    pool: enums.Pool = MISSING
    layer: int | None = setting(None, at_least(1))  # that all vectors are of; null: the last
    adapter: Adapter = setting(Adapter, affects=RUN)  # an alignment in which it learns has it in its name
    gradient_checkpointing: bool = setting(False, affects=NOTHING)  # activations of a layer are recomputed, not kept
    attention: enums.Attention = setting(enums.Attention.auto, affects=RUN)
    # Without the pieces that the run's text does not use.
    prune_vocabulary: bool = setting(False, affects=RUN)  # an alignment knows the text that decides
    vocabulary_size: int = setting(12000, between(100, 10_000_000))  # of what is built here, like the rest
    layers: int = setting(2, between(1, 1000))  # of what is built here
    width: int = setting(128, WIDTH)  # of its vectors
    heads: int = setting(4, WIDTH)  # of its attention


@dataclass
class Data(Settings):
    """Where the text is; the alignment knows the parallel files by language and content."""

    source: enums.DataSource = setting(affects=RUN)
    root: str = setting(MISSING, A_PATH, affects=RUN)  # the folder of parallel/, tasks/ and retrieval/
    # Subwords, links and dictionaries that later runs find again.
    cache: str = setting("data/cache", A_PATH, affects=NOTHING)
    parallel: list[str] = setting(MISSING, NAMES, affects=RUN)  # corpora under <root>/parallel
    pivot: str = setting(ENGLISH, A_CODE)  # the language that one side of every pair is in
    # Target languages: a list, core10 or paper16; null: all there are.
    languages: Json = setting(None, CODES, affects=RUN)
    # A dictionary: a file or folder, sample (the sample's own), induced (from the parallel text).
    lexicon: str | None = setting(None, A_PATH, affects=RUN)  # an alignment that reads it knows its content
    # A folder of sentence-transformers or transformers, whose vectors of English are learned; null: the backbone's own.
    teacher: str | None = setting(None, A_PATH, affects=RUN)  # an alignment that reads it knows its content
    # English dependency trees in CoNLL-U, for method.stages=[parse].
    trees: str | None = setting(None, A_PATH, affects=RUN)
    on_bad_line: enums.OnBadLine = enums.OnBadLine.error
    max_pairs: int | None = setting(None, at_least(2))  # per language, after filtering
    held_out: int = setting(500, at_least(0))  # pairs of the largest language that only validation sees
    min_tokens: int = setting(1, at_least(1))  # of either side
    max_ratio: float = setting(4.0, at_least(1))  # between the tokens of the two sides
    # Languages are drawn by their number of pairs to this power; 1: by size, 0: evenly.
    sampling_exponent: float = setting(0.7, CLOSED_SHARE)
    links: enums.Links = enums.Links.none  # between the words of each pair
    link_layer: int | None = setting(None, at_least(0))  # whose vectors links=encoder compares; null: the last


@dataclass
class AlignmentLearningRates(Settings):
    """Peak learning rates of alignment."""

    backbone: float = setting(5e-6, at_least(0))  # all of it but `embeddings`
    embeddings: float | None = setting(None, at_least(0))  # null: as the backbone
    heads: float = setting(1e-4, at_least(0))  # fusions and new heads
    discriminator: float = setting(8e-4, at_least(0))  # the adversary's own
    weights: float = setting(1e-3, at_least(0))  # at 20,000 steps; a shorter run gets more, so that they can arrive


@dataclass
class Adversary(Settings):
    """The discriminator's game (Eq. 1); lengths are fractions of the run."""

    input: enums.AdversaryInput = enums.AdversaryInput.mean
    normalise: bool = True  # a LayerNorm without parameters before the discriminator
    hidden: int | None = setting(None, WIDTH)  # null: the encoder's width
    dropout: float = setting(0.1, SHARE)  # inside the discriminator
    schedule: enums.AdversarySchedule = enums.AdversarySchedule.joint
    discriminator_steps: int = setting(1, at_least(1))  # of schedule=alternate, to one of the encoder
    weight: float = setting(0.1, at_least(0))  # of the encoder's reward, once it is reached
    weighted: bool = False  # inside the learned weights (Eq. 15 as printed)
    warmup: float = setting(0.025, SHARE)  # before the encoder is rewarded
    ramp: float = setting(0.1, CLOSED_SHARE)  # in which the weight rises
    ramp_form: enums.RampForm = enums.RampForm.linear


@dataclass
class Tlm(Settings):
    """How translation language modelling joins a pair in one row."""

    order: enums.JoinedOrder = enums.JoinedOrder.shuffled
    positions: enums.Positions = enums.Positions.restart  # run_on: for encoders without absolute positions


@dataclass
class Budget(Settings):
    """What the alignment may spend; the encoder is known by the number of steps that it makes of it."""

    unit: enums.BudgetUnit = setting(enums.BudgetUnit.steps, affects=RUN)
    amount: float | None = setting(None, POSITIVE, affects=RUN)  # null: `align.steps`


@dataclass
class Seeded(Settings):
    """A stage with a seed of its own."""

    seed: int | None = setting(None, SEED)  # null: as `seed`

    @property
    def own_seed(self) -> int:
        """That of a checked configuration, which always has one."""
        assert self.seed is not None
        return self.seed


@dataclass
class Align(Seeded):
    """The first stage: alignment on parallel text."""

    steps: int = setting(20000, at_least(1))  # short for a budget of steps
    budget: Budget = setting(Budget)
    batch_size: int = setting(96, at_least(2))  # pairs
    # In subwords, special tokens included; longer sentences are cut.
    max_length: int = setting(128, between(8, 1 << 16))
    accumulate: int = setting(1, at_least(1))  # batches to an update
    cached: int | None = setting(None, at_least(1))  # sentences at a time, for losses of sentence vectors alone
    max_grad_norm: float | None = setting(1.0, POSITIVE)  # gradients are clipped to this norm; null: not
    warmup: float = setting(0.05, SHARE)  # of the steps, in which the rates rise
    betas: list[float] = setting(lambda: [0.9, 0.999], BETAS)  # of Adam
    mask_rate: float = setting(0.15, OPEN_SHARE)  # of the tokens
    tlm: Tlm = setting(Tlm)
    masked_every: int = setting(1, at_least(1))  # every how many-th pair of a batch is in the masked view
    word_distribution_every: int = setting(1, at_least(1))  # every how many-th pair of a batch enters Eq. 13
    word_head: enums.WordHead = enums.WordHead.backbone
    head_warmup: int = setting(100, at_least(0))  # steps before `steps` for a random masked-word head
    vocabulary: enums.Vocabulary = enums.Vocabulary.full  # what Eqs. 12 and 13 normalise over; seen: in `data`
    language_token_start: enums.LanguageTokenStart = enums.LanguageTokenStart.type_mean
    prototype_momentum: float = setting(0.99, SHARE)  # how much of a language's prototype stays at each update
    prototype_sentences: int = setting(2000, at_least(1))  # of each language, for the exact prototypes at the end
    validations: int = setting(10, at_least(1))  # how often in a run the held-out pairs are scored
    learning_rate: AlignmentLearningRates = setting(AlignmentLearningRates)
    adversary: Adversary = setting(Adversary)


@dataclass
class Parse(Settings):
    """The stage that learns dependency trees; what is not here is as for ``align``."""

    epochs: int = setting(5, at_least(1))  # passes over the trees
    batch_size: int = setting(32, at_least(1))  # sentences
    learning_rate: float | None = setting(None, at_least(0))  # null: as finetune.learning_rate
    held_out: float = setting(0.1, OPEN_SHARE)  # of the trees, which are parsed and scored after every epoch


@dataclass
class Fusion(Settings):
    """The two attention fusions (Eqs. 2-6, 10, 11)."""

    form: enums.FusionForm = enums.FusionForm.off
    keys: enums.FusionKeys = enums.FusionKeys.prototype
    temperature: float | None = setting(None, POSITIVE)  # null: the square root of the width
    partner_drop: float = setting(0.5, CLOSED_SHARE)  # share of batches in which words attend to their sentence only


@dataclass
class Weighting(Settings):
    """How Eq. 15 adds the losses up."""

    form: enums.WeightingForm = enums.WeightingForm.kendall
    per: enums.WeightingPer = enums.WeightingPer.loss
    bound: float = setting(2.0, POSITIVE)  # learned log variances stay within plus and minus this


@dataclass
class Method(Settings):
    """A named choice of losses, fusion and weighting."""

    name: str = setting(MISSING, A_NAME, affects=RUN)  # what results and tables call it
    language_tokens: bool = MISSING  # [LANG_de] and its like in front of every text
    # What makes the encoder, in this order; []: the backbone as it comes. Each is known by what it starts from.
    stages: list[enums.Stage] = setting(lambda: [enums.Stage.align], affects=RUN)
    publication: str | None = setting(None, affects=NOTHING)  # whose recipe it is; null: our own
    note: str | None = setting(None, affects=NOTHING)  # how it differs from its publication
    tunes: list[str] = setting(list, affects=NOTHING)  # the one or two settings that trials vary
    trials: int = setting(0, at_least(0), affects=RUN)  # that its settings were chosen among; follows from `tuned`


@dataclass
class Vectors(Settings):
    """The stage ``vectors``: word vectors by CBOW with negative sampling, known by these settings and its text."""

    form: enums.VectorForm = enums.VectorForm.multi_cca
    dim: int = setting(200, WIDTH)  # of a word's vector
    window: int = setting(5, at_least(1))  # words on either side at most, drawn anew for each word
    negatives: int = setting(25, at_least(1))  # words drawn as no context, for each that is one
    epochs: int = setting(15, at_least(1))  # passes over the text
    batch_size: int = setting(1024, at_least(1))  # words
    learning_rate: float = setting(0.005, POSITIVE)  # falls to 0
    subsample: float | None = setting(1e-4, POSITIVE)  # share of a language's text above which a word is left out often
    regularisation: float = setting(0.01, at_least(0))  # joint_subword: keeps a word's two vectors together
    min_count: int = setting(2, at_least(1))  # occurrences in a language
    vocabulary: int = setting(200000, at_least(1))  # forms of all languages


@dataclass
class Ablation(Settings):
    """What is taken away from the method, whatever it is; ``ablation=[a,b]`` takes away both."""

    parts: dict[str, list[str]] = setting(dict)  # choice -> losses (`name?`: where the method has it), or `fusion`
    name: str = setting("none", A_NAME)  # this and the rest follow from the parts
    without: list[str] = setting(list)  # losses that are taken away
    fusion: bool = True  # false: both fusions are taken away


@dataclass
class Head(Settings):
    """What learns the labels from vectors; all but the form are for ``mlp`` or ``conv``."""

    form: enums.HeadForm = enums.HeadForm.linear
    hidden: list[int] = setting(lambda: [10, 8], WIDTHS)  # as LASER's
    activation: enums.Activation = enums.Activation.tanh
    dropout: float | None = setting(None, SHARE)  # after each hidden layer or the filters; null: as before the head
    filters: int = setting(100, at_least(1))  # conv: over the words of a text
    width: int = setting(3, ODD)  # conv: words that a filter sees


@dataclass
class Finetune(Seeded):
    """The second stage: English labels only."""

    epochs: int = setting(MISSING, at_least(0))  # passes over the English examples; 0: nothing is learned
    batch_size: int = setting(32, at_least(1))  # examples to an update, of all devices together
    learning_rate: float = setting(2e-5, at_least(0))  # peak
    head_learning_rate: float | None = setting(None, at_least(0))  # null: as the encoder
    warmup: float = setting(0.0, SHARE)  # of the updates, in which the rate rises
    weight_decay: float = setting(0.0, at_least(0))  # of AdamW
    max_grad_norm: float | None = setting(1.0, POSITIVE)  # gradients are clipped to this norm; null: not
    dropout: float = setting(0.1, SHARE)  # in front of the head
    head: Head = setting(Head)
    max_length: int = setting(128, between(8, 1 << 16))  # in subwords, special tokens included
    windows: bool = False  # a longer text is the mean of windows of about one length, instead of its beginning
    evaluations: int = setting(10, at_least(1))  # how often English dev is scored
    freeze: enums.Freeze = enums.Freeze.nothing
    partner: enums.Partner = enums.Partner.sample
    representation: enums.Representation = enums.Representation.prototype
    selection: enums.Selection = enums.Selection.english_dev
    # Labelled examples of target languages, drawn by seed from train parts; {de: 10}: ten of all classes together.
    shots: dict[str, int] = setting(dict, COUNTS)
    shots_order: enums.ShotsOrder = enums.ShotsOrder.mixed
    shots_epochs: int | None = setting(None, at_least(1))  # of shots_order=after; null: as `epochs`
    shots_learning_rate: float | None = setting(None, at_least(0))  # likewise; null: as `learning_rate`


@dataclass
class Trainer(Settings):
    """How Lightning runs; ``options`` are passed on to it as they are."""

    accelerator: enums.Accelerator = enums.Accelerator.auto
    precision: enums.Precision = setting(enums.Precision.auto, affects=Affects.alignment)
    tokens: int | None = setting(None, at_least(1))  # at a time, learned or scored; null: 1024, GPU 8192
    threads: int | None = setting(None, between(1, 1024))  # null: as torch decides
    keep_freed_memory: bool = setting(True, affects=NOTHING)  # malloc keeps large blocks for the next step
    workers: int = setting(0, between(0, 1024), affects=NOTHING)  # processes that prepare batches
    compile: bool = setting(False, affects=NOTHING)  # torch.compile for the encoder while it learns
    deterministic: bool = setting(False, affects=NOTHING)  # the same bits every time on a GPU too, more slowly
    # Processes of this machine; auto: all GPUs, or what torchrun or SLURM started.
    devices: Json = setting(1, DEVICES, affects=NOTHING)
    # Minutes between two checkpoints of a stage, which has twenty at least if they are cheap.
    checkpoint_minutes: float = setting(15.0, POSITIVE, affects=NOTHING)
    progress: bool = setting(True, affects=NOTHING)  # bars on the terminal
    options: JsonObject = setting(dict)  # arguments of Lightning's Trainer


@dataclass
class Logger(Settings):
    """Where curves go; ``options`` are passed on to TensorBoard's logger or ``wandb.init``."""

    name: enums.LoggerName = setting(enums.LoggerName.csv, affects=RUN)
    options: JsonObject = setting(dict, affects=RUN)  # arguments of wandb.init or TensorBoard's logger
    group: str | None = None  # this and the rest: wandb only; null: sweep, experiment, or setting
    rows: int = setting(200, at_least(0))  # of each language in the table of predictions
    texts: bool = False  # test texts in it, where their licence lets them leave this machine
    figures: bool = True  # draw the run's figures on wandb
    artifacts: bool = False  # send results, predictions and the aligned encoder along


@dataclass
class Card(Settings):
    """A device that a dry run names the price on, by its data sheet; ``this`` is measured and has none."""

    name: str = setting("this", A_NAME)  # as prices call it
    # Operations a second in products of matrices, without sparsity; null: it has no such products.
    bfloat16: float | None = setting(None, POSITIVE)
    float32: float | None = setting(None, POSITIVE)  # likewise
    bandwidth: float | None = setting(None, POSITIVE)  # bytes a second
    memory: float | None = setting(None, POSITIVE)  # bytes


@dataclass
class Train(Settings):
    """One run of ``train.py``."""

    backbone: Backbone = setting(Backbone)
    data: Data = setting(Data)
    prepare: Prepare = setting(Prepare, affects=NOTHING)  # its files are known by their content
    method: Method = setting(Method)
    losses: JsonObject = setting(dict)  # name -> what its objective's Settings hold
    vectors: Vectors = setting(Vectors, affects=RUN)  # a stage that reads them has them in its name
    ablation: Ablation = setting(Ablation, affects=RUN)  # its losses and fusion are gone already
    fusion: Fusion = setting(Fusion)
    weighting: Weighting = setting(Weighting)
    align: Align = setting(Align)
    parse: Parse = setting(Parse, affects=RUN)  # its stage's encoder too, which knows them itself
    task: Task = setting(Task, affects=RUN)
    finetune: Finetune = setting(Finetune, affects=RUN)
    tuning: JsonObject = setting(dict, affects=RUN)  # name -> what its tuning's Settings hold
    trainer: Trainer = setting(Trainer, affects=RUN, compared=False)
    logger: Logger = setting(Logger, affects=NOTHING, compared=False)
    seed: int = setting(1, SEED, affects=RUN)  # the alignment has `align.seed`
    # The number of a trial, which varies `method.tunes` and is scored on English dev alone.
    trial: int | None = setting(None, affects=RUN, compared=False)
    # A folder of settings that trials chose, for each method.
    tuned: str | None = setting(None, A_PATH, affects=NOTHING)
    keep_checkpoints: enums.Keep = setting(enums.Keep.best_and_last, affects=NOTHING)  # fine-tuned weights that stay
    # Check everything and name the price, hours, memory and disk, on `card`; nothing is trained or written.
    dry_run: bool = setting(False, affects=NOTHING)
    card: Card = setting(Card, affects=NOTHING)
    resume: Json = setting(True, affects=NOTHING)  # true | false | the folder of an unfinished alignment
    output: str = setting("outputs", A_PATH, affects=NOTHING)  # runs; `multirun` in a sweep
    aligned: str = setting("outputs/aligned", A_PATH, affects=NOTHING)  # encoders that later runs find again

    @property
    def scored(self) -> Literal["test", "dev"]:
        """The part that is scored, of a trial in English alone."""
        return "test" if self.trial is None else "dev"
