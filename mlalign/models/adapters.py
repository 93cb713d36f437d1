"""Small parts that learn in a backbone whose own weights stay as they are: LoRA by peft, bottlenecks, token rows."""

import copy
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from mlalign.config.enums import AdapterForm
from mlalign.errors import ConfigError

ADAPTER = "adapter"  # the folder, in an encoder's, that peft opens
NAME = "default"  # of an adapter among those that peft lets a model have
BOTTLENECK = "bottleneck"  # what a layer calls its own
WEIGHTS = "model.safetensors"
ROWS = "token_adapter.trainable_tokens_delta"  # what peft calls the embeddings that an adapter has for some tokens
Layer = tuple[str, nn.Module]  # with its name in the backbone
Module = TypeVar("Module", bound=nn.Module)


class Bottleneck(nn.Module):
    r"""A narrow layer after one of the backbone's.

    .. math::
        x \leftarrow x + U \, \mathrm{relu}(D \, \mathrm{LayerNorm}(x) + d) + u

    Bapna and Firat 2019 (arXiv:1909.08478), eqs. 1 to 3. U and u start at 0, so that nothing is changed at first.

    Args:
        width: of the backbone.
        size: of the layer.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.norm, self.down, self.up = nn.LayerNorm(width), nn.Linear(width, size), nn.Linear(size, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """The states with what was learned added."""
        return states + self.up(functional.relu(self.down(self.norm(states))))


class TokenRows(nn.Module):
    """Embeddings of a few tokens that learn; the matrix they come from does not.

    Args:
        embeddings: of the backbone.
        ids: of the tokens.
    """

    ids: Int[Tensor, " rows"]

    def __init__(self, embeddings: nn.Embedding, ids: Collection[int]) -> None:
        super().__init__()
        self.register_buffer("ids", torch.tensor(sorted(ids)), persistent=False)
        self.weight = nn.Parameter(embeddings.weight.detach()[self.ids].clone())

    def forward(
        self, ids: Int[Tensor, "batch length"], found: Float[Tensor, "batch length width"]
    ) -> Float[Tensor, "batch length width"]:
        """The embeddings that were found, but those of these tokens."""
        is_own = ids[..., None] == self.ids  # [batch, length, rows]
        own = functional.embedding(is_own.int().argmax(-1), self.weight)
        return torch.where(is_own.any(-1, keepdim=True), own, found)


def add_adapter(
    model: PreTrainedModel,
    *,
    form: AdapterForm,
    size: int,
    alpha: float | None,
    dropout: float,
    layers: Sequence[int] | None,
    tokens: Collection[int] = (),
) -> None:
    """Freeze a backbone and give its layers an adapter, which at first changes nothing.

    LoRA (Hu et al. 2022, arXiv:2106.09685) is on all linear layers (Dettmers et al. 2023, arXiv:2305.14314).
    Bottlenecks that the backbone has from before go on learning. The masked-word head learns as it would, but for the
    embeddings that are tied to it, which are frozen.

    Args:
        model: changed in place; no weight of it moves.
        form: of the adapter.
        size: rank of LoRA, width of a bottleneck.
        alpha: LoRA adds its product times alpha / size; None: times 1.
        dropout: in front of LoRA.
        layers: 1 is the first above the embeddings; None: all.
        tokens: ids whose embeddings learn.

    Raises:
        ConfigError: the backbone has no such layers, or bottlenecks of another size or in other layers.
    """
    base = model.base_model
    every = [(name, one) for name, one in base.named_modules() if isinstance(one, GradientCheckpointingLayer)]
    if not every:
        raise ConfigError(
            f"backbone.adapter.form={form}: {type(model).__name__} is no transformer, and adapters are parts of a "
            "transformer's layers; set backbone.adapter.form=null"
        )
    if layers is not None and max(layers) > len(every):
        raise ConfigError(
            f"backbone.adapter.layers={list(layers)}: {type(model).__name__} has {len(every)} layers; name some of 1 "
            f"to {len(every)}, or set backbone.adapter.layers=null for all"
        )
    chosen = every if layers is None else [every[number - 1] for number in sorted(layers)]
    base.requires_grad_(False)
    if form == AdapterForm.lora:
        _add_lora(base, chosen, size, alpha, dropout)
    else:
        _add_bottlenecks(every, chosen, int(model.config.hidden_size), size)
    if tokens:
        embeddings = model.get_input_embeddings()
        embeddings.token_rows = TokenRows(embeddings, tokens)
        embeddings.register_forward_hook(_with_token_rows)
    base.is_adapted = True


def _add_lora(base: PreTrainedModel, layers: Sequence[Layer], size: int, alpha: float | None, dropout: float) -> None:
    linear = [
        f"{name}.{inner}"
        for name, layer in layers
        for inner, one in layer.named_modules()
        if isinstance(one, nn.Linear) and not inner.startswith(BOTTLENECK)
    ]
    scale = size if alpha is None else alpha
    config = LoraConfig(r=size, lora_alpha=scale, lora_dropout=dropout, target_modules=linear)
    inject_adapter_in_model(copy.deepcopy(config), base)
    base.peft_config = {NAME: config}  # whose names are whole: peft shortens its own to what is enough in this model


def _add_bottlenecks(every: Sequence[Layer], layers: Sequence[Layer], width: int, size: int) -> None:
    there = [(number, one) for number, (_, layer) in enumerate(every, 1) if (one := bottleneck_of(layer)) is not None]
    if not there:
        for _, layer in layers:
            _give(layer, Bottleneck(width, size))
        return
    sizes, numbers = sorted({one.down.out_features for _, one in there}), [number for number, _ in there]
    if sizes != [size] or len(there) != len(layers) or any(bottleneck_of(layer) is None for _, layer in layers):
        raise ConfigError(
            f"backbone.adapter.size={size}: the encoder has bottlenecks of size {', '.join(map(str, sizes))} in layers "
            f"{numbers} already, and these go on learning; set backbone.adapter.size and backbone.adapter.layers so"
        )
    for _, one in there:
        one.requires_grad_(True)


def _give(layer: nn.Module, bottleneck: Bottleneck) -> None:
    layer.bottleneck = bottleneck
    layer.register_forward_hook(_with_bottleneck, prepend=True)  # before transformers' own, which notes all states


def _with_bottleneck(layer: nn.Module, _: object, output: Any) -> Any:
    """A hook of a layer, whose output is its states, or begins with them."""
    bottleneck = bottleneck_of(layer)
    assert bottleneck is not None
    if isinstance(output, tuple):
        return (bottleneck(output[0]), *output[1:])
    return bottleneck(output)


def _with_token_rows(embeddings: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """A hook of the embeddings."""
    rows = token_rows_of(embeddings)
    return output if rows is None else rows(given[0], output)


def bottleneck_of(layer: nn.Module) -> Bottleneck | None:
    """What a layer has after it."""
    found = getattr(layer, BOTTLENECK, None)
    return found if isinstance(found, Bottleneck) else None


def token_rows_of(embeddings: nn.Module) -> TokenRows | None:
    """What learns of embeddings that do not."""
    found = getattr(embeddings, "token_rows", None)
    return found if isinstance(found, TokenRows) else None


def restore_bottlenecks(model: PreTrainedModel, folder: Path) -> None:
    """Give a loaded model the bottlenecks that ``save_pretrained`` wrote among its weights."""
    if not (folder / WEIGHTS).is_file():
        return
    layers, end = dict(model.named_modules()), f".{BOTTLENECK}.down.weight"
    with safe_open(folder / WEIGHTS, "pt") as file:
        for name in filter(lambda key: key.endswith(end), sorted(file.keys())):
            layer = name.removesuffix(end)
            if layer in layers:  # it is, unless backbone.layer leaves it out
                size, width = file.get_slice(name).get_shape()
                bottleneck = Bottleneck(width, size)
                _give(layers[layer], bottleneck)
                parts = {key: file.get_tensor(f"{layer}.{BOTTLENECK}.{key}") for key in bottleneck.state_dict()}
                bottleneck.load_state_dict(parts)


def has_bottlenecks(module: nn.Module) -> bool:
    """Whether vectors need more than the weights that transformers knows."""
    return any(isinstance(one, Bottleneck) for one in module.modules())


def adapter_parameters(module: nn.Module) -> list[nn.Parameter]:
    """What learns in a backbone with an adapter, but for its masked-word head; nothing where all weights learn."""
    return [one for base in _adapted(module) for one in base.parameters() if one.requires_grad]


def frozen_names(module: nn.Module) -> list[str]:
    """Full names of the weights under an adapter, which are as the stage began; none where there is no adapter."""
    frozen = {id(one) for base in _adapted(module) for one in base.parameters() if not one.requires_grad}
    return [name for name, one in module.named_parameters(remove_duplicate=False) if id(one) in frozen]


def _adapted(module: nn.Module) -> list[PreTrainedModel]:
    return [one for one in module.modules() if getattr(one, "is_adapted", False)]


def share_that_learns(module: nn.Module) -> str:
    """How many parameters learn, in words."""
    sizes = [(one.numel(), one.requires_grad) for one in module.parameters()]
    total, learned = sum(size for size, _ in sizes), sum(size for size, learns in sizes if learns)
    return f"{learned:,} of {total:,} parameters learn ({learned / total:.2%})"


def merge_adapter(module: nn.Module) -> None:
    """Add what LoRA has learned to its matrices, and put learned embeddings into theirs; bottlenecks stay."""
    for base in _adapted(module):
        for name, layer in [(name, one) for name, one in base.named_modules() if isinstance(one, LoraLayer)]:
            layer.merge()
            base.set_submodule(name, layer.get_base_layer())
        base.__dict__.pop("peft_config", None)
        embeddings = base.get_input_embeddings()
        if (rows := token_rows_of(embeddings)) is not None:
            with torch.no_grad():
                embeddings.weight[rows.ids] = rows.weight
            del embeddings.token_rows
        base.is_adapted = False


def merged(module: Module) -> Module:
    """A module without LoRA: as it is, or a copy that computes the same."""
    if not _adapted(module):
        return module
    module = copy.deepcopy(module)
    merge_adapter(module)
    return module


def save_adapter(model: PreTrainedModel, folder: Path) -> None:
    """Write LoRA as it is learned, with the embeddings of tokens, in a folder that peft opens; nothing without LoRA.

    ``PeftModel.from_pretrained(base, folder)`` takes it, where base is the ``AutoModel`` that the stage began with,
    with as many embeddings as the tokenizer has ids.
    """
    base = model.base_model
    config = copy.deepcopy(getattr(base, "peft_config", {}).get(NAME))
    if config is None or not _adapted(base):
        return
    learned = get_peft_model_state_dict(base, adapter_name=NAME, save_embedding_layers=False)
    for name, one in base.named_modules():
        if (rows := token_rows_of(one)) is not None:
            config.trainable_token_indices = {name: rows.ids.tolist()}
            learned[f"{name}.{ROWS}"] = rows.weight
    config.inference_mode = True
    config.save_pretrained(folder)
    state = {f"base_model.model.{name}": one.detach().cpu().contiguous() for name, one in learned.items()}
    save_file(state, folder / "adapter_model.safetensors")
