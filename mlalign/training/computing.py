"""From a checked configuration to how this machine computes it."""

import logging

import torch

from mlalign.config.enums import Accelerator
from mlalign.config.schema import Train
from mlalign.device import Computing, choose_attention, choose_device, choose_precision, keep_freed_memory

log = logging.getLogger(__name__)


def set_up(config: Train) -> Computing:
    """Choose what is ``auto`` and tell the process; before the first large tensor.

    Raises:
        ConfigError: a GPU is asked for and there is none.
    """
    gpu = choose_device(config.trainer.accelerator.value)
    if config.trainer.threads is not None:
        torch.set_num_threads(config.trainer.threads)
    chosen = Computing.of_this_process(
        gpu=gpu,
        precision=choose_precision(config.trainer.precision.value, gpu=gpu),
        attention=choose_attention(config.backbone.attention.value, gpu=gpu),
        keeps_freed_memory=config.trainer.keep_freed_memory and keep_freed_memory(),
    )
    log.info("%s", chosen)
    return chosen


def takes_gpu(config: Train) -> bool:
    """Whether a run may take a GPU and there is one."""
    return config.trainer.accelerator != Accelerator.cpu and torch.cuda.is_available()


def attention(config: Train) -> str:
    """As transformers calls it; of a run that may have been made on another machine."""
    return choose_attention(config.backbone.attention.value, gpu=takes_gpu(config))
