"""LASER's encoder: padding changes nothing, and a folder with it is one of transformers' own."""

import pytest
import torch
from torch import nn
from transformers import AutoModelForMaskedLM

from mlalign.models.lstm import BiLstmConfig, BiLstmForMaskedLM, BiLstmModel
from mlalign.models.subwords import max_pool


@pytest.fixture
def model() -> BiLstmModel:
    torch.manual_seed(0)
    shape = {"vocab_size": 40, "embedding_size": 6, "hidden_size": 10, "num_hidden_layers": 2, "pad_token_id": 1}
    return BiLstmForMaskedLM(BiLstmConfig(**shape)).double().eval()


def step(lstm: nn.LSTM, word: torch.Tensor, hidden: torch.Tensor, cell: torch.Tensor, name: str):
    """One step of an LSTM as torch documents it."""
    weight = {part: getattr(lstm, f"{part}_l0{name}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    gates = weight["weight_ih"] @ word + weight["bias_ih"] + weight["weight_hh"] @ hidden + weight["bias_hh"]
    let_in, forget, new, out = gates.chunk(4)
    cell = forget.sigmoid() * cell + let_in.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell


def test_it_is_two_lstms_of_a_sentence_one_read_backwards(model):
    ids = torch.randint(4, 40, (7,))
    states = list(model.encoder.word_embeddings(ids))
    for lstm in model.encoder.layers:
        zero = torch.zeros(5, dtype=torch.float64)
        forwards, backwards = [], []
        hidden = cell = zero
        for word in states:
            hidden, cell = step(lstm, word, hidden, cell, "")
            forwards.append(hidden)
        hidden = cell = zero
        for word in reversed(states):
            hidden, cell = step(lstm, word, hidden, cell, "_reverse")
            backwards.insert(0, hidden)
        states = [torch.cat(both) for both in zip(forwards, backwards, strict=True)]
    torch.testing.assert_close(model.encoder(ids[None]).last_hidden_state[0], torch.stack(states))


def test_padding_and_batch_mates_change_nothing(model):
    ids, mask = torch.randint(4, 40, (3, 9)), torch.ones(3, 9, dtype=torch.long)
    mask[1, 4:] = 0
    ids[1, 4:] = 1
    together = model.encoder(ids, mask)
    alone = model.encoder(ids[1:2, :4])
    torch.testing.assert_close(together.last_hidden_state[1:2, :4], alone.last_hidden_state)
    torch.testing.assert_close(
        max_pool(together.last_hidden_state, mask)[1], alone.last_hidden_state[0].amax(0), rtol=1e-12, atol=1e-12
    )


def test_a_folder_with_it_is_opened_by_transformers(model, tmp_path):
    model.save_pretrained(tmp_path)
    again = AutoModelForMaskedLM.from_pretrained(tmp_path, dtype=torch.float64)
    ids = torch.randint(4, 40, (2, 5))
    torch.testing.assert_close(again(ids).logits, model(ids).logits)
    assert again.decoder.weight is again.get_input_embeddings().weight


def test_hidden_states_begin_with_the_embeddings(model):
    ids = torch.randint(4, 40, (2, 5))
    found = model.encoder(ids, output_hidden_states=True)
    assert len(found.hidden_states) == 3
    assert found.hidden_states[0].equal(model.encoder.word_embeddings(ids))
    assert found.hidden_states[-1].equal(found.last_hidden_state)
