"""The network that a plan trains: opened with its head, lower layers frozen, LoRA put in and merged out again."""

from typing import Any

import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from core.models.families import FAMILIES, layer_paths
from core.models.loading import load_for_training
from core.training.plan.plan import FIELDS, Plan
from core.training.plan.refusals import all_frozen, beyond, shared_layers
from core.training.tasks import Task


def open_network(
    plan: Plan, task: Task, label_names: tuple[str, ...]
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The network and its tokenizer, seeded: a head that is new begins with the same random weights for one seed.

    Raises `LabError` when the model cannot be opened, or has fewer layers than are to be frozen.
    """
    transformers.set_seed(plan.seed)
    network, tokenizer = load_for_training(
        plan.model, task=task.head(plan), from_scratch=plan.from_scratch, **task.head_options(label_names)
    )
    if plan.frozen_layers:
        freeze(network, plan.frozen_layers)
    return network, tokenizer


def freeze(network: PreTrainedModel, layers: int) -> None:
    """Keep the embeddings and the `layers` lowest layers as they are. Raises `LabError` when there are not so many."""
    paths = layer_paths(network.config)
    if layers > len(paths):
        raise beyond(FIELDS["frozen_layers"], layers, len(paths))
    if len(set(paths)) < len(paths):
        raise shared_layers()
    encoder = network.base_model
    for module in (encoder.embeddings, *(encoder.get_submodule(path) for path in paths[:layers])):
        module.requires_grad_(False)


def add_lora(plan: Plan, network: PreTrainedModel) -> Any:
    """Put trainable low-rank matrices beside query and value of each layer, in place (Hu et al. 2021).

    All other weights of the encoder are frozen, those of the head are trained. Returns peft's `LoraModel`, whose
    `merge_and_unload()` gives the plain network back. Frozen layers get none; raises `LabError` where all are frozen.
    """
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    names = FAMILIES[network.config.model_type].layer
    frozen = layer_paths(network.config)[: plan.frozen_layers]
    prefix = network.base_model_prefix
    head = [name for name, _ in network.named_parameters() if not name.startswith(f"{prefix}.")]
    targets = [
        f"{prefix}.{path}.{part}"
        for path in dict.fromkeys(layer_paths(network.config))
        if path not in frozen
        for part in (names.query, names.value)
    ]
    if not targets:
        raise all_frozen()
    alpha: Any = plan.lora_alpha  # annotated as a whole number, but only divided by the rank
    config = LoraConfig(r=plan.lora_rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=targets)
    tuner = LoraModel(network, config, "default")
    for name, parameter in network.named_parameters():
        if name in head or ".pooler." in name:
            parameter.requires_grad_(True)
    return tuner
