"""What a run computes with is chosen from what the device has, and told."""

import pytest
import torch

from mlalign.device import Computing, choose_attention, keep_freed_memory, padding_multiple


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("asked", ["eager", "sdpa", "flash_attention_2"])
def test_attention_that_is_asked_for_is_taken(asked, gpu):
    assert choose_attention(asked, gpu=gpu) == asked


def test_auto_attention_is_fused_on_a_gpu_only():
    assert choose_attention("auto", gpu=True) == "sdpa"
    assert choose_attention("auto", gpu=False) == "eager"


def test_batches_are_padded_for_tensor_cores_only():
    assert (padding_multiple(gpu=True), padding_multiple(gpu=False)) == (8, 1)


def test_one_line_says_how_a_run_computes(monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "77")
    one = Computing.of_this_process(gpu=False, precision="32-true", attention="eager", keeps_freed_memory=False)
    assert not one.gpu
    told = str(one)
    assert "\n" not in told
    for part in ("cpu", "32-true", "eager", f"{torch.get_num_threads()} thread",
                 "memory given back", "GOMP_SPINCOUNT=77"):  # fmt: skip
        assert part in told


def test_keeping_freed_memory_says_whether_it_worked():
    assert keep_freed_memory() in (True, False)
    assert keep_freed_memory() == keep_freed_memory()
