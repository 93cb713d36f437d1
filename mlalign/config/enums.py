"""Settings that are one of a few words."""

from enum import StrEnum

TINY, BILSTM = "tiny", "bilstm"  # backbone.name of the encoders that are built here
BUILT = (TINY, BILSTM)
LASER = "laser"  # that of LASER's released weights
CUSTOM = "custom"  # backbone.name until one is given
THIS = "this"  # card.name of the device here

# Where a run's text comes from: generated, files of one's own, or fetched.
DataSource = StrEnum("DataSource", "sample files hub")
# What makes an encoder before fine-tuning, each from what the one before left; see ``mlalign.pipeline.STAGES``.
Stage = StrEnum("Stage", "align parse centred linear_map vectors swap")
# How word vectors of several languages come into one space.
VectorForm = StrEnum("VectorForm", "multi_cca joint_subword")
# How a sentence becomes one vector.
Pool = StrEnum("Pool", "first mean max")
# Which implementation of attention the backbone runs; ``auto``: see ``device``.
Attention = StrEnum("Attention", "auto eager sdpa flash_attention_2")
# What learns in a backbone whose own weights stay as they are, and in which stages.
AdapterForm = StrEnum("AdapterForm", "lora bottleneck")
AdapterStage = StrEnum("AdapterStage", "align finetune")
# The text that an objective reads: with masks, where a loss predicts them, or as it is.
View = StrEnum("View", "masked clean")
# As ``View``, clean with the languages exchanged in any row, or two pairs a row in any order.
ContrastView = StrEnum("ContrastView", "masked clean either mixed")
# From a sentence vector to what is compared.
Projection = StrEnum("Projection", "none linear")
# Which language of a joined pair comes first: drawn for every row, or English.
JoinedOrder = StrEnum("JoinedOrder", "shuffled fixed")
# Those of a joined pair's second half: as the sentence has them alone, or behind the first's.
Positions = StrEnum("Positions", "restart run_on")
# How two sentence vectors are compared.
Similarity = StrEnum("Similarity", "cosine dot scaled_dot")
# The generator's reward for hiding the language.
Confusion = StrEnum("Confusion", "flip minimax uniform")
# How the words of a sentence become one distribution.
Prediction = StrEnum("Prediction", "mixture pooled")
# The map after the attention of Eq. 4.
FusionForm = StrEnum("FusionForm", "off gated sigmoid")
# What the fusions attend to: vectors of a language, or of this very pair (the paper).
FusionKeys = StrEnum("FusionKeys", "prototype pair")
# How the losses are added up.
WeightingForm = StrEnum("WeightingForm", "kendall liebel fixed")
# What has a learned weight of its own.
WeightingPer = StrEnum("WeightingPer", "loss level")
# From a word's vector to the vocabulary.
WordHead = StrEnum("WordHead", "backbone layer_norm")
# What an alignment may spend: updates, sentence pairs, positions that the encoder reads, operations.
BudgetUnit = StrEnum("BudgetUnit", "steps pairs tokens flops")
# Where links between the words of a pair come from.
Links = StrEnum("Links", "none ibm1 encoder")
# How far two sentence vectors are from each other.
Distance = StrEnum("Distance", "mse cosine")
# How linked tokens are brought together: by their distance, or among those of all links.
LinkForm = StrEnum("LinkForm", "distance weak strong")
# Which words the word losses normalise over: all, or those of the parallel text.
Vocabulary = StrEnum("Vocabulary", "full seen")
# The first embedding of a language token.
LanguageTokenStart = StrEnum("LanguageTokenStart", "type_mean freq_mean exclusive_mean random")
# What the discriminator sees of a sentence.
AdversaryInput = StrEnum("AdversaryInput", "mean first language token")
# How the adversary's weight rises: evenly, or as Ganin et al. 2016 (arXiv:1505.07818) let it.
RampForm = StrEnum("RampForm", "linear dann")
# Both players from one backward, or the discriminator first.
AdversarySchedule = StrEnum("AdversarySchedule", "joint alternate")
# The second key of an English sentence in fine-tuning.
Partner = StrEnum("Partner", "sample mean source")
# What the task's head sees of a single sentence (docs/method.md).
Representation = StrEnum("Representation", "prototype self mixed backbone")
# What learns a task's labels.
HeadForm = StrEnum("HeadForm", "linear mlp conv")
# What comes after each hidden layer or filter of a head.
Activation = StrEnum("Activation", "tanh relu gelu")
# What fine-tuning leaves as alignment made it.
Freeze = StrEnum("Freeze", "nothing embeddings encoder")
# Whether a few labels of target languages are learned with those of the source, or after them.
ShotsOrder = StrEnum("ShotsOrder", "mixed after")
# Which checkpoint is tested.
Selection = StrEnum("Selection", "english_dev last")
# Which checkpoint is scored again; the oracle looks at target labels.
Rule = StrEnum("Rule", "english_dev last oracle")
# Which part is scored again.
Split = StrEnum("Split", "test dev")
# Which of fine-tuning's weights stay in a run's folder.
Keep = StrEnum("Keep", "none tested best_and_last all")
# How texts that are to be predicted lie in their file, and how answers are written.
TextForm = StrEnum("TextForm", "lines tsv jsonl")
AnswerForm = StrEnum("AnswerForm", "jsonl tsv")
# Whose model a trained one is written as.
ExportForm = StrEnum("ExportForm", "transformers")
# What to do with a line that breaks its format.
OnBadLine = StrEnum("OnBadLine", "error skip")
# What a release calls its languages.
LanguageCodes = StrEnum("LanguageCodes", "iso639_1 iso639_3 flores locale")
# Which of ``data.releases`` writes a release of the hub in the task's own layout.
Conversion = StrEnum("Conversion", "bitext entities massive pawsx sib200 wikiann xnli")
# Number format of the encoder's matrix products; ``auto``: bfloat16 where it is native.
Precision = StrEnum("Precision", "auto float32 bfloat16")
# The kind of device.
Accelerator = StrEnum("Accelerator", "auto cpu gpu")
# Where curves go besides the csv files, which are always written.
LoggerName = StrEnum("LoggerName", "csv wandb tensorboard")
# What the rows of a table are: methods and what they vary (main), ablations or backbones.
TableKind = StrEnum("TableKind", "main ablation backbone")
# File types of a figure.
FigureForm = StrEnum("FigureForm", "png svg pdf")
