"""A network without its weights, built from a configuration alone on torch's "meta" device.

There every tensor has a shape and no content: BERT-large takes no memory and needs no download. Opens no file and
computes no value.
"""

import copy
import inspect
import sys
from typing import Any

import torch
import transformers
from transformers import PretrainedConfig, PreTrainedModel

from core.errors import LabError, first_line

CHOICES = 2  # texts that a multiple-choice network compares, when nobody says how many


def skeleton(config: PretrainedConfig, architecture: str | None = None, *, has_pooler: bool = True) -> PreTrainedModel:
    """The network that `config` describes, in eval mode, on the meta device, with plain (“eager”) attention.

    `architecture` is a class name such as "BertForMaskedLM"; None, or a name that the family does not have, stands for
    the encoder without a head; `has_pooler` says whether that one has its pooler. The configuration is copied, never
    changed. Raises `LabError` when it fits no network.
    """
    settings = copy.deepcopy(config)
    settings._attn_implementation = "eager"  # the only one that returns attention weights
    network_class = _network_class(settings, architecture)
    without = {} if has_pooler or not _takes_pooler(network_class) else {"add_pooling_layer": False}
    try:
        with torch.device("meta"):
            return network_class(settings, **without).eval()
    except (ValueError, RuntimeError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise LabError(
            f"This configuration describes no network: {first_line(error)}",
            "Its sizes must fit together; the width, for one, must be a multiple of the number of heads.",
        ) from error


def encoder_name(config: PretrainedConfig) -> str:
    """The class of the family's encoder without a head, such as "BertModel"."""
    return _network_class(config, None).__name__


def example_input(network: PreTrainedModel, *, batch: int, length: int) -> torch.Tensor:
    """Token ids without content, (batch, pos), or (batch, choice, pos) for a multiple-choice network."""
    shape = (batch, CHOICES, length) if is_multiple_choice(network) else (batch, length)
    return torch.empty(shape, dtype=torch.long, device="meta")


def is_multiple_choice(network: PreTrainedModel) -> bool:
    """Whether each input is several texts to choose from."""
    return type(network).__name__.endswith("ForMultipleChoice")


def _takes_pooler(network_class: type[PreTrainedModel]) -> bool:
    """Whether a class lets its caller decide about the pooler: the encoders of the families that have one."""
    return "add_pooling_layer" in inspect.signature(network_class.__init__).parameters


def _network_class(config: PretrainedConfig, architecture: str | None) -> type[PreTrainedModel]:
    """A class of the family's own module: the name comes from a file and may say anything."""
    encoder: Any = transformers.MODEL_MAPPING[type(config)]
    named: Any = getattr(sys.modules[encoder.__module__], architecture or "", None)
    is_network = isinstance(named, type) and issubclass(named, PreTrainedModel) and named.config_class is type(config)
    is_network = is_network and named.forward is not torch.nn.Module.forward  # the family's abstract base has none
    return named if is_network else encoder
