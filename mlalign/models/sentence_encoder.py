"""An encoder of sentences in a folder, as sentence-transformers reads it; that library itself is not needed."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from mlalign.errors import DataError
from mlalign.files import Json
from mlalign.models.backbone import check_folder, errors_in_words, positions, quiet_transformers
from mlalign.models.finite import non_finite_weights
from mlalign.models.subwords import max_pool

MODULES = "modules.json"
ENCODER = "Transformer"  # the type of the first module
POOLED = {"cls_token": "cls", "max_tokens": "max", "mean_tokens": "mean"}  # as older folders have them
BATCH = 64


class Vectors(NamedTuple):
    """Sentence vectors and how many positions the encoder has read for each."""

    vectors: Float[Tensor, "sentences dim"]
    lengths: Int[Tensor, " sentences"]


class Features(NamedTuple):
    """What the modules hand on.

    Attributes:
        ids, mask: of the tokens; 0 in the mask is padding.
        states: hidden states.
        total: sum of the weights of a sentence's tokens.
        vectors: of the sentences, from pooling on.
    """

    ids: Int[Tensor, "batch length"]
    mask: Int[Tensor, "batch length"]
    states: Float[Tensor, "batch length dim"]
    total: Float[Tensor, " batch"]
    vectors: Float[Tensor, "batch dim"] | None = None


Step = Callable[[Features], Features]


class SentenceEncoder:
    """Gives vectors of sentences, those of ``SentenceTransformer(folder).encode(texts)``.

    A folder without ``modules.json`` is a plain encoder, whose vectors are means over all positions.

    Args:
        folder: of sentence-transformers or transformers.
        called: what messages call it, as ``data.teacher=FOLDER``.
        device: torch's name of it.

    Raises:
        DataError: there is no encoder, its weights are not finite, or it has modules that are not known here.
    """

    def __init__(self, folder: Path, called: str, *, device: str = "cpu") -> None:
        parts = modules_of(folder, called)
        place = folder / parts[0][1]
        quiet_transformers()
        with errors_in_words(called):
            self.model, loading = AutoModel.from_pretrained(
                place, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
            )
            self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
            self.steps = [MAKERS[kind](folder / path, called) for kind, path in parts[1:]]
        if lacking := [key for key in sorted(loading["missing_keys"]) if not key.startswith("pooler.")]:
            raise DataError(f"{called}: its weights have nothing for {lacking[0]}; are they of another model?")
        if sick := non_finite_weights(self.model):
            raise DataError(f"{called}: {sick}; take other weights")
        if not hasattr(self.model.config, "max_position_embeddings"):
            raise DataError(f"{called}: {type(self.model).__name__}: expected an encoder, as BERT, XLM-R or MPNet")
        if hasattr(self.model, "pooler"):
            self.model.pooler = None  # of the first token, for other tasks
        self.model.to(device).eval()
        given = _read(place / "sentence_bert_config.json")
        longest = given.get("max_seq_length") or self.tokenizer.model_max_length
        self.max_length = min(longest, positions(self.model))
        self.lowers = bool(given.get("do_lower_case"))
        stated = _read(folder / "config_sentence_transformers.json")
        self.prompt: str = (stated.get("prompts") or {}).get(stated.get("default_prompt_name")) or ""

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of texts, in their order; long texts are cut."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        parts = [self._encoded([texts[one] for one in order[at : at + BATCH]]) for at in range(0, len(order), BATCH)]
        back = torch.tensor(order).argsort()
        return Vectors(*(torch.cat(column)[back] for column in zip(*parts, strict=True)))

    def _encoded(self, texts: list[str]) -> Vectors:
        prompted = [self.prompt + (text.lower() if self.lowers else text) for text in texts]
        tokens = self.tokenizer(
            prompted, padding=True, truncation=True, max_length=self.max_length, return_tensors="pt"
        ).to(self.model.device)
        mask = tokens["attention_mask"]
        states = self.model(**tokens).last_hidden_state
        seen = Features(tokens["input_ids"], mask, states, mask.sum(1).to(states.dtype))
        for step in self.steps:
            seen = step(seen)
        assert seen.vectors is not None  # pooling is among the steps
        return Vectors(seen.vectors.cpu(), mask.sum(1).cpu())


def modules_of(folder: Path, called: str) -> list[tuple[str, str]]:
    """Type and subfolder of each module, the encoder first, and pooling among the others.

    Raises:
        DataError: there is no encoder, or a module that is not known here.
    """
    try:
        found = [(one["type"].rpartition(".")[2], one["path"]) for one in _read(folder / MODULES)]
    except (KeyError, TypeError, AttributeError):
        raise DataError(
            f"{called}: {folder / MODULES}: expected a list of modules with type and path, as sentence-transformers "
            "writes it"
        ) from None
    found = found or [(ENCODER, ""), ("Pooling", "")]
    kinds = [kind for kind, _ in found]
    if kinds[0] != ENCODER or "Pooling" not in kinds or not MAKERS.keys() >= set(kinds[1:]):
        raise DataError(
            f"{called}: its {MODULES} names the modules {', '.join(kinds)}, expected {ENCODER}, Pooling, and of the "
            f"others {', '.join(one for one in MAKERS if one != 'Pooling')}; choose another teacher"
        )
    check_folder(folder / found[0][1], called)
    return found


def _pooling(folder: Path, called: str) -> Step:
    """First tokens, means or largest numbers, one behind the other."""
    given = _read(folder / "config.json")  # of a plain encoder its own, which says nothing of pooling
    old = [short for key, short in POOLED.items() if given.get(f"pooling_mode_{key}")]
    stated = given.get("pooling_mode", old or "mean")
    modes = [stated] if isinstance(stated, str) else list(stated)
    asked = [key for key, value in given.items() if key.startswith("pooling_mode_") and value]
    if not set(modes) <= set(POOLED.values()) or len(asked) > len(old) or not given.get("include_prompt", True):
        raise DataError(
            f"{called}: {folder / 'config.json'} pools by {', '.join(asked or modes)}, expected cls, mean or max with "
            "the prompt; choose another teacher"
        )

    def pooled(seen: Features) -> Features:
        found = {
            "cls": lambda: seen.states[:, 0],
            "max": lambda: max_pool(seen.states, seen.mask),
            "mean": lambda: (
                torch.einsum("bld,bl->bd", seen.states, seen.mask.to(seen.states.dtype))
                / seen.total[:, None].clamp(min=1e-9)
            ),
        }
        return seen._replace(vectors=torch.cat([found[mode]() for mode in modes], 1))

    return pooled


def _dense(folder: Path, called: str) -> Step:
    """A linear layer and its activation."""
    given, weights = _read(folder / "config.json"), folder / "model.safetensors"
    name = given.get("activation_function", "torch.nn.modules.activation.Tanh")
    activation = getattr(nn, name.rpartition(".")[2], None) if name.startswith("torch.nn.") else None
    apart = given.get("module_input_name", "sentence_embedding") != "sentence_embedding" or given.get("use_residual")
    if not (isinstance(activation, type) and issubclass(activation, nn.Module)) or apart or not weights.is_file():
        raise DataError(
            f"{called}: {folder}: expected a linear layer on sentence vectors with an activation of torch.nn and its "
            f"weights in model.safetensors, found activation {name}; choose another teacher"
        )
    linear = nn.Linear(given["in_features"], given["out_features"], bias=given.get("bias", True))
    linear.load_state_dict({key.removeprefix("linear."): one for key, one in load_file(weights).items()})
    layer = nn.Sequential(linear, activation()).eval()

    def mapped(seen: Features) -> Features:
        assert seen.vectors is not None  # pooling was before
        return seen._replace(vectors=layer.to(seen.vectors.device)(seen.vectors))

    return mapped


def _normalize(folder: Path, called: str) -> Step:
    """Vectors of norm 1."""

    def normalized(seen: Features) -> Features:
        assert seen.vectors is not None  # pooling was before
        return seen._replace(vectors=normalize(seen.vectors, dim=-1))

    return normalized


def _word_weights(folder: Path, called: str) -> Step:
    """States weighted by their token, as the folders of our own encoders have it."""
    given = _read(folder / "config.json")
    known, unknown = given["word_weights"], given["unknown_word_weight"]
    table = torch.tensor([float(known.get(one, known.get(one.lower(), unknown))) for one in given["vocab"]])

    def weighted(seen: Features) -> Features:
        weights = table.to(seen.ids.device)[seen.ids] * seen.mask
        return seen._replace(states=seen.states * weights[..., None], total=weights.sum(1))

    return weighted


MAKERS: dict[str, Callable[[Path, str], Step]] = {
    "Pooling": _pooling,
    "Dense": _dense,
    "Normalize": _normalize,
    "WordWeights": _word_weights,
}


def _read(path: Path) -> Json:
    """A JSON file's content; empty where there is none."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: expected JSON, found what is none ({error})") from None
