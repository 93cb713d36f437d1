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
Pool = StrEnum("Pool", "first mean max")  # how a sentence becomes one vector
# Which implementation of attention the backbone runs; ``auto``: see ``device``.
Attention = StrEnum("Attention", "auto eager sdpa flash_attention_2")
# What learns in a backbone whose own weights stay as they are, and in which stages.
AdapterForm = StrEnum("AdapterForm", "lora bottleneck")
AdapterStage = StrEnum("AdapterStage", "align finetune")
# The text that an objective reads: with masks, where a loss predicts them, or as it is.
View = StrEnum("View", "masked clean")
# As ``View``, clean with the languages exchanged in any row, or two pairs a row in any order.
ContrastView = StrEnum("ContrastView", "masked clean either mixed")
Projection = StrEnum("Projection", "none linear")  # from a sentence vector to what is compared
# Which language of a joined pair comes first: drawn for every row, or English.
JoinedOrder = StrEnum("JoinedOrder", "shuffled fixed")
# Those of a joined pair's second half: as the sentence has them alone, or behind the first's.
Positions = StrEnum("Positions", "restart run_on")
Similarity = StrEnum("Similarity", "cosine dot scaled_dot")  # how two sentence vectors are compared
Confusion = StrEnum("Confusion", "flip minimax uniform")  # the generator's reward for hiding the language
Prediction = StrEnum("Prediction", "mixture pooled")  # how the words of a sentence become one distribution
FusionForm = StrEnum("FusionForm", "off gated sigmoid")  # the map after the attention of Eq. 4
# What the fusions attend to: vectors of a language, or of this very pair (the paper).
FusionKeys = StrEnum("FusionKeys", "prototype pair")
WeightingForm = StrEnum("WeightingForm", "kendall liebel fixed")  # how the losses are added up
WeightingPer = StrEnum("WeightingPer", "loss level")  # what has a learned weight of its own
WordHead = StrEnum("WordHead", "backbone layer_norm")  # from a word's vector to the vocabulary
# What an alignment may spend: updates, sentence pairs, positions that the encoder reads, operations.
BudgetUnit = StrEnum("BudgetUnit", "steps pairs tokens flops")
Links = StrEnum("Links", "none ibm1 encoder")  # where links between the words of a pair come from
Distance = StrEnum("Distance", "mse cosine")  # how far two sentence vectors are from each other
# How linked tokens are brought together: by their distance, or among those of all links.
LinkForm = StrEnum("LinkForm", "distance weak strong")
# Which words the word losses normalise over: all, or those of the parallel text.
Vocabulary = StrEnum("Vocabulary", "full seen")
# The first embedding of a language token.
LanguageTokenStart = StrEnum("LanguageTokenStart", "type_mean freq_mean exclusive_mean random")
AdversaryInput = StrEnum("AdversaryInput", "mean first language token")  # what the discriminator sees of a sentence
# How the adversary's weight rises: evenly, or as Ganin et al. 2016 (arXiv:1505.07818) let it.
RampForm = StrEnum("RampForm", "linear dann")
# Both players from one backward, or the discriminator first.
AdversarySchedule = StrEnum("AdversarySchedule", "joint alternate")
Partner = StrEnum("Partner", "sample mean source")  # the second key of an English sentence in fine-tuning
# What the task's head sees of a single sentence (docs/method.md).
Representation = StrEnum("Representation", "prototype self mixed backbone")
HeadForm = StrEnum("HeadForm", "linear mlp conv")  # what learns a task's labels
Activation = StrEnum("Activation", "tanh relu gelu")  # what comes after each hidden layer or filter of a head
Freeze = StrEnum("Freeze", "nothing embeddings encoder")  # what fine-tuning leaves as alignment made it
# Whether a few labels of target languages are learned with those of the source, or after them.
ShotsOrder = StrEnum("ShotsOrder", "mixed after")
Selection = StrEnum("Selection", "english_dev last")  # which checkpoint is tested
Rule = StrEnum("Rule", "english_dev last oracle")  # which checkpoint is scored again; the oracle looks at target labels
Split = StrEnum("Split", "test dev")  # which part is scored again
Keep = StrEnum("Keep", "none tested best_and_last all")  # which of fine-tuning's weights stay in a run's folder
# How texts that are to be predicted lie in their file, and how answers are written.
TextForm = StrEnum("TextForm", "lines tsv jsonl")
AnswerForm = StrEnum("AnswerForm", "jsonl tsv")
ExportForm = StrEnum("ExportForm", "transformers")  # whose model a trained one is written as
OnBadLine = StrEnum("OnBadLine", "error skip")  # what to do with a line that breaks its format
LanguageCodes = StrEnum("LanguageCodes", "iso639_1 iso639_3 flores locale")  # what a release calls its languages
# Which of ``data.releases`` writes a release of the hub in the task's own layout.
Conversion = StrEnum("Conversion", "bitext entities massive pawsx sib200 wikiann xnli")
# Number format of the encoder's matrix products; ``auto``: bfloat16 where it is native.
Precision = StrEnum("Precision", "auto float32 bfloat16")
Accelerator = StrEnum("Accelerator", "auto cpu gpu")  # the kind of device
# Where curves go besides the csv files, which are always written.
LoggerName = StrEnum("LoggerName", "csv wandb tensorboard")
# What the rows of a table are: methods and what they vary (main), ablations or backbones.
TableKind = StrEnum("TableKind", "main ablation backbone")
FigureForm = StrEnum("FigureForm", "png svg pdf")  # file types of a figure
