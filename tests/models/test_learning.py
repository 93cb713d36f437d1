"""A compiled or checkpointed backbone computes what the plain one does."""

import pytest
import torch
from torch._dynamo.utils import counters

from mlalign.models.backbone import load_backbone
from mlalign.models.encoder import Encoder
from mlalign.models.learning import configure_training
from mlalign.models.subwords import pad


def batch(sentences: int, length: int) -> object:
    random = torch.Generator().manual_seed(sentences * 100 + length)
    ids = torch.randint(10, 60, (sentences, length), generator=random).tolist()
    ids[0] = ids[0][: length // 2]
    return pad(ids, [[True] * len(row) for row in ids], None, padding=1)


def learned(folder, shapes, **settings):
    """States and gradients of a sum over them, batch by batch."""
    torch.manual_seed(0)
    model, _ = load_backbone(folder, attention="sdpa")
    model.train()
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    encoder = Encoder(model, pool="first")
    configure_training(model, **settings)
    found, graphs = [], []
    for shape in shapes:
        states = encoder(batch(*shape))
        states.square().sum().backward()
        found.append(states.detach())
        graphs.append(counters["stats"]["unique_graphs"])
    names = {name: one.grad for name, one in encoder.named_parameters() if one.grad is not None}
    return found, names, graphs, list(encoder.state_dict())


SHAPES = [(4, 12), (6, 16), (3, 9), (8, 20), (5, 7), (4, 12)]


@pytest.mark.parametrize(
    ("compiled", "checkpointed"), [(False, True), (True, True), pytest.param(True, False, marks=pytest.mark.long)]
)
def test_states_gradients_and_names_are_those_of_the_plain_backbone(xlmr_folder, checkpointed, compiled):
    torch._dynamo.reset()
    plain = learned(xlmr_folder, SHAPES[:2], gradient_checkpointing=False, compiled=False)
    found = learned(
        xlmr_folder, SHAPES[:2], gradient_checkpointing=checkpointed, compiled=compiled,
        backend="eager",
    )  # fmt: skip
    torch.testing.assert_close(found[0], plain[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[1], plain[1], rtol=1e-4, atol=1e-4)
    assert found[3] == plain[3]


def test_other_shapes_need_no_other_graph(xlmr_folder):
    torch._dynamo.reset()
    counters.clear()
    *_, graphs, _ = learned(xlmr_folder, SHAPES, gradient_checkpointing=False, compiled=True, backend="eager")
    assert graphs[0] > 0
    assert graphs[-1] == graphs[1]


def test_a_hook_that_comes_and_goes_is_seen_by_what_is_compiled(xlmr_folder):
    """As that of noise on the embeddings, which one of two passes has."""
    torch._dynamo.reset()
    model, _ = load_backbone(xlmr_folder, attention="sdpa")
    configure_training(model.eval(), gradient_checkpointing=False, compiled=True, backend="eager")
    encoder, subwords = Encoder(model, pool="first"), batch(4, 12)
    plain = encoder(subwords)
    handle = model.get_input_embeddings().register_forward_hook(lambda module, given, output: output.flip(-1))
    hooked = encoder(subwords)
    handle.remove()
    assert not torch.allclose(hooked, plain)
    torch.testing.assert_close(encoder(subwords), plain)


def test_checkpointing_keeps_fewer_activations(xlmr_folder):
    def kept(checkpointed: bool) -> int:
        model, _ = load_backbone(xlmr_folder, attention="eager")
        model.train()
        configure_training(model, gradient_checkpointing=checkpointed, compiled=False)
        sizes: list[int] = []

        def note(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            Encoder(model, pool="first")(batch(8, 32))
        return sum(sizes)

    assert kept(True) < kept(False) / 2
