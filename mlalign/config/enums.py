"""Settings that are one of a few words."""

from enum import StrEnum

TINY = "tiny"  # backbone.name of the encoder that is built here
CUSTOM = "custom"  # backbone.name until one is given


class DataSource(StrEnum):
    """Where a run's text comes from: generated, files of one's own, or fetched."""

    sample = "sample"
    files = "files"
    hub = "hub"


class Pool(StrEnum):
    """How a sentence becomes one vector."""

    first = "first"
    mean = "mean"


class Attention(StrEnum):
    """Which implementation of attention the backbone runs; ``auto``: see ``device``."""

    auto = "auto"
    eager = "eager"
    sdpa = "sdpa"
    flash_attention_2 = "flash_attention_2"


class View(StrEnum):
    """The text that an objective reads: with masks, where a loss predicts them, or as it is."""

    masked = "masked"
    clean = "clean"


class JoinedOrder(StrEnum):
    """Which language of a joined pair comes first: drawn for every row, or English."""

    shuffled = "shuffled"
    fixed = "fixed"


class Positions(StrEnum):
    """Those of a joined pair's second half: as the sentence has them alone, or behind the first's."""

    restart = "restart"
    run_on = "run_on"


class Similarity(StrEnum):
    """How two sentence vectors are compared."""

    cosine = "cosine"
    dot = "dot"
    scaled_dot = "scaled_dot"


class Confusion(StrEnum):
    """The generator's reward for hiding the language."""

    flip = "flip"
    minimax = "minimax"
    uniform = "uniform"


class Prediction(StrEnum):
    """How the words of a sentence become one distribution."""

    mixture = "mixture"
    pooled = "pooled"


class FusionForm(StrEnum):
    """The map after the attention of Eq. 4."""

    off = "off"
    gated = "gated"
    sigmoid = "sigmoid"


class FusionKeys(StrEnum):
    """What the fusions attend to: vectors of a language, or of this very pair (the paper)."""

    prototype = "prototype"
    pair = "pair"


class WeightingForm(StrEnum):
    """How the losses are added up."""

    kendall = "kendall"
    liebel = "liebel"
    fixed = "fixed"


class WeightingPer(StrEnum):
    """What has a learned weight of its own."""

    loss = "loss"
    level = "level"


class WordHead(StrEnum):
    """From a word's vector to the vocabulary."""

    backbone = "backbone"
    layer_norm = "layer_norm"


class Vocabulary(StrEnum):
    """Which words the word losses normalise over: all, or those of the parallel text."""

    full = "full"
    seen = "seen"


class LanguageTokenStart(StrEnum):
    """The first embedding of a language token."""

    type_mean = "type_mean"
    freq_mean = "freq_mean"
    exclusive_mean = "exclusive_mean"
    random = "random"


class AdversaryInput(StrEnum):
    """What the discriminator sees of a sentence."""

    mean = "mean"
    first = "first"
    language = "language"
    token = "token"


class AdversarySchedule(StrEnum):
    """Both players from one backward, or the discriminator first."""

    joint = "joint"
    alternate = "alternate"


class Partner(StrEnum):
    """The second key of an English sentence in fine-tuning."""

    sample = "sample"
    mean = "mean"
    source = "source"


class Representation(StrEnum):
    """What the task's head sees of a single sentence (docs/method.md)."""

    prototype = "prototype"
    self = "self"
    mixed = "mixed"
    backbone = "backbone"


class Freeze(StrEnum):
    """What fine-tuning leaves as alignment made it."""

    nothing = "nothing"
    embeddings = "embeddings"
    encoder = "encoder"


class Selection(StrEnum):
    """Which checkpoint is tested."""

    english_dev = "english_dev"
    last = "last"


class Rule(StrEnum):
    """Which checkpoint is scored again; the oracle looks at target labels."""

    english_dev = "english_dev"
    last = "last"
    oracle = "oracle"


class Split(StrEnum):
    """Which part is scored again."""

    test = "test"
    dev = "dev"


class Keep(StrEnum):
    """Which of fine-tuning's weights stay in a run's folder."""

    none = "none"
    tested = "tested"
    best_and_last = "best_and_last"
    all = "all"


class OnBadLine(StrEnum):
    """What to do with a line that breaks its format."""

    error = "error"
    skip = "skip"


class TaskFormat(StrEnum):
    """Whose files these are; picks the reader."""

    bitext = "bitext"
    entities = "entities"
    mldoc = "mldoc"
    pawsx = "pawsx"
    slots = "slots"
    squad = "squad"
    table = "table"


class LanguageCodes(StrEnum):
    """What a release calls its languages."""

    iso639_1 = "iso639_1"
    iso639_3 = "iso639_3"
    flores = "flores"
    locale = "locale"


class Conversion(StrEnum):
    """Which of ``data.releases`` writes a release of the hub in the task's own layout."""

    bitext = "bitext"
    entities = "entities"
    massive = "massive"
    pawsx = "pawsx"
    sib200 = "sib200"
    wikiann = "wikiann"
    xnli = "xnli"


class Precision(StrEnum):
    """Number format of the encoder's matrix products; ``auto``: bfloat16 where it is native."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


class Accelerator(StrEnum):
    """The kind of device."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


class LoggerName(StrEnum):
    """Where curves go besides the csv files, which are always written."""

    csv = "csv"
    wandb = "wandb"
    tensorboard = "tensorboard"


class TableKind(StrEnum):
    """What the rows of a table are."""

    main = "main"
    ablation = "ablation"
    backbone = "backbone"


class FigureForm(StrEnum):
    """File types of a figure."""

    png = "png"
    svg = "svg"
    pdf = "pdf"
