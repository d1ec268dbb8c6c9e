"""What a model is made of: every part that holds weights, by name and size, as its configuration alone decides.

Counts, and nothing else: opens no weights and computes no text. Beside it stand `flops` (work), `outputs` (shapes) and
`module_tree`.
"""

import math
from dataclasses import dataclass

from transformers import PretrainedConfig, PreTrainedModel

from core.models.anatomy.part_names import EMBEDDINGS, HEAD, KINDS, name_part
from core.models.anatomy.skeleton import skeleton
from core.models.families import inner_width, layer_paths, longest

BYTES = {"fp32": 4, "bf16": 2}  # of one number
_ADAMW_MOMENTS = 2  # torch.optim.AdamW keeps a mean and a mean square of each gradient (Kingma & Ba 2015)


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor of parameters, by the name that the checkpoint knows it by."""

    path: str
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Part:
    """A module that holds weights of its own.

    - `path`: where it stands in the network, dotted; `title` and `place` say the same in words, outermost place first
    - `kind`: one of `KINDS`; `layer`: which set of layer weights it belongs to, None outside the layers
    - `weights`: counted here; `borrowed`: (own name, the weight it really is), counted where that weight stands
    """

    path: str
    title: str
    place: tuple[str, ...]
    kind: str
    layer: int | None
    weights: tuple[Weight, ...]
    borrowed: tuple[tuple[str, str], ...] = ()

    @property
    def parameters(self) -> int:
        """How many parameters are counted here; borrowed ones are not."""
        return sum(weight.parameters for weight in self.weights)

    @property
    def steps(self) -> tuple[str, ...]:
        """The way from the whole model to this part, in words: kind, place, title."""
        return (self.kind, *(step for step in self.place if step != self.kind), self.title)


@dataclass(frozen=True, slots=True)
class Freezing:
    """Which parts a training leaves as they are: the embeddings, and the lowest so many sets of layer weights."""

    embeddings: bool = False
    layers: int = 0

    def holds(self, part: Part) -> bool:
        """Whether a training leaves the part as it is."""
        if part.layer is not None:
            return part.layer < self.layers
        return self.embeddings and part.kind == EMBEDDINGS


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes of a training in fp32 with AdamW. Activations, which grow with the batch, come on top."""

    weights: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        """All three together."""
        return self.weights + self.gradients + self.optimizer


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A model in numbers.

    - `layers`: how often a text goes through a layer; `distinct_layers`: how many sets of weights they have
    - `width`: numbers per token between the layers; `inner_width`: inside the feed-forward network
    - `positions`: the longest text in tokens, special tokens included
    """

    architecture: str
    family: str
    parts: tuple[Part, ...]
    layers: int
    distinct_layers: int
    heads: int
    width: int
    inner_width: int
    vocabulary: int
    positions: int

    @property
    def parameters(self) -> int:
        """How many parameters the whole model has, each counted once."""
        return sum(part.parameters for part in self.parts)

    @property
    def head_width(self) -> int:
        """How many numbers of a token's query, key or value each head has."""
        return self.width // self.heads

    @property
    def notes(self) -> tuple[str, ...]:
        """What is used more than once and counted once, in whole sentences."""
        notes = []
        if self.distinct_layers < self.layers:
            sets = "one set" if self.distinct_layers == 1 else f"{self.distinct_layers} sets"
            notes.append(f"The {self.layers} layers share {sets} of weights, counted once and run over and over.")
        for part in self.parts:
            if any(name == "weight" for name, _ in part.borrowed):
                notes.append(
                    f"“{part.title}” of the head has no table of its own: it uses the word embeddings, counted there."
                )
        return tuple(notes)

    def bytes(self, precision: str = "fp32") -> int:
        """Room for the weights at `precision`, one of `BYTES`."""
        return self.parameters * BYTES[precision]

    def by_kind(self) -> dict[str, int]:
        """Parameters of each kind of part that the model has, in the order of `KINDS`. They sum to `parameters`."""
        counts = {kind: sum(part.parameters for part in self.parts if part.kind == kind) for kind in KINDS}
        return {kind: count for kind, count in counts.items() if count}


def anatomy(config: PretrainedConfig, architecture: str | None = None, *, has_pooler: bool = True) -> Anatomy:
    """Take apart the model that `config` describes; arguments and errors as `core.models.anatomy.skeleton.skeleton`.

    >>> from transformers import BertConfig
    >>> anatomy(BertConfig()).by_kind()
    {'Embeddings': 23837184, 'Layers': 85054464, 'Pooler': 590592}
    """
    network = skeleton(config, architecture, has_pooler=has_pooler)
    parts = _parts(network)
    return Anatomy(
        architecture=type(network).__name__,
        family=config.model_type,
        parts=parts,
        layers=len(layer_paths(config)),
        distinct_layers=len({part.layer for part in parts} - {None}),
        heads=config.num_attention_heads,
        width=config.hidden_size,
        inner_width=inner_width(config),
        vocabulary=config.vocab_size,
        positions=longest(config),
    )


def trainable_parameters(anatomy: Anatomy, freezing: Freezing) -> int:
    """How many parameters a training would still change."""
    return sum(part.parameters for part in anatomy.parts if not freezing.holds(part))


def training_memory(parameters: int, trainable: int) -> TrainingMemory:
    """Bytes for a training in fp32: every weight, and for each trainable one its gradient and AdamW's two moments."""
    number = BYTES["fp32"]
    return TrainingMemory(parameters * number, trainable * number, trainable * number * _ADAMW_MOMENTS)


def _parts(network: PreTrainedModel) -> tuple[Part, ...]:
    """The parts in the order a text meets them: as the modules stand, heads last."""
    owners = _owners(network)
    weights: dict[str, list[Weight]] = {}
    borrowed: dict[str, list[tuple[str, str]]] = {}
    for path, tensor in network.named_parameters(remove_duplicate=False):
        module, _, name = path.rpartition(".")
        if owners[id(tensor)] == path:
            weights.setdefault(module, []).append(Weight(path, tuple(tensor.shape)))
        else:
            borrowed.setdefault(module, []).append((name, owners[id(tensor)]))
    parts = []
    for module, own in weights.items():
        name = name_part(network, module)
        loans = tuple(borrowed.get(module, ()))
        parts.append(Part(module, name.title, name.place, name.kind, name.layer, tuple(own), loans))
    return tuple(sorted(parts, key=lambda part: (part.kind == HEAD, KINDS.index(part.kind))))


def _owners(network: PreTrainedModel) -> dict[int, str]:
    """Each tensor's one name: the encoder's where it has several, else that of the innermost module."""
    base = network.base_model_prefix + "."
    names: dict[int, list[str]] = {}
    for path, tensor in network.named_parameters(remove_duplicate=False):
        names.setdefault(id(tensor), []).append(path)
    return {
        tensor: max(paths, key=lambda path: (path.startswith(base), path.count("."))) for tensor, paths in names.items()
    }
