"""Opening a model: a reference in, network and tokenizer out. Looks at no text and trains nothing."""

import gc
import importlib
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from tokenizers import Encoding
from transformers import BatchEncoding, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from core.errors import LabError, first_line
from core.models import catalogue
from core.models.checks import check_folder
from core.models.families import FAMILIES, layer_paths, longest
from core.models.fingerprint import fingerprint
from core.models.inference_settings import OLDER_CAN_DECLINE, InferenceSettings, read_settings
from core.models.labels import count_of, label_names
from core.models.parts import weight_sharing_clone

MASKED_LM = "masked-lm"
SEQUENCE_CLASSIFICATION = "sequence-classification"
TOKEN_CLASSIFICATION = "token-classification"
QUESTION_ANSWERING = "question-answering"
MULTIPLE_CHOICE = "multiple-choice"
PRETRAINING = "pretraining"  # masked language and next sentence together
ENCODER = "encoder"  # no head that the lab uses

_AUTO_CLASS = {
    MASKED_LM: transformers.AutoModelForMaskedLM,
    SEQUENCE_CLASSIFICATION: transformers.AutoModelForSequenceClassification,
    TOKEN_CLASSIFICATION: transformers.AutoModelForTokenClassification,
    QUESTION_ANSWERING: transformers.AutoModelForQuestionAnswering,
    MULTIPLE_CHOICE: transformers.AutoModelForMultipleChoice,
    PRETRAINING: transformers.AutoModelForPreTraining,
    ENCODER: transformers.AutoModel,
}
_HEADS = {  # by how the name of an architecture ends
    "ForSequenceClassification": SEQUENCE_CLASSIFICATION,
    "ForTokenClassification": TOKEN_CLASSIFICATION,
    "ForQuestionAnswering": QUESTION_ANSWERING,
    "ForMultipleChoice": MULTIPLE_CHOICE,
}
_HUB_FILES = ["*.json", "*.txt", "model*.safetensors", "*.model"]
_importing = threading.Lock()
_TRIES = 3  # to open a model whose files change meanwhile
_UNLIMITED = 1_000_000  # tokenizers without a limit of their own claim 10**30 positions


@dataclass(frozen=True, slots=True)
class Model:
    """An opened model, shared by everyone who looks at it: in eval mode, without gradients, never changed.

    `encode` is the one way to call the tokenizer: a fast tokenizer keeps its truncation setting inside, so that two
    threads with different settings would disturb each other without the lock. `settings` are those that a run left in
    its folder; `inference` is what predictions go by, with or without. `fingerprint` says which model it is
    (`core.models.fingerprint`): whatever is remembered of a model is remembered under it. `notices` are for people.
    """

    reference: str
    title: str
    task: str
    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    settings: InferenceSettings | None = None
    fingerprint: str = field(default_factory=lambda: f"unsaved-{uuid.uuid4().hex}")
    notices: tuple[str, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def config(self) -> PretrainedConfig:
        """The network's configuration, as transformers reads it from config.json."""
        return self.network.config

    @property
    def max_length(self) -> int:
        """The most positions (special tokens included) one text may take. Predictions may read fewer: `inference`."""
        return position_limit(self.config, self.tokenizer)

    @property
    def inference(self) -> InferenceSettings:
        """How texts are read to predict: as when the run was scored; for other models, as far as the model can."""
        limit = self.max_length
        if self.settings is None:
            can_decline = getattr(self.config, OLDER_CAN_DECLINE, False) is True
            return InferenceSettings(max_length=limit, position_limit=limit, can_decline=can_decline)
        return replace(self.settings, max_length=min(self.settings.max_length, limit), position_limit=limit)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of what a classifier of texts or of words tells apart, in the order of its logits; else empty."""
        if self.task not in (SEQUENCE_CLASSIFICATION, TOKEN_CLASSIFICATION):
            return ()
        names: Any = self.config.id2label
        return tuple(names[number] for number in range(len(names)))

    @property
    def attention(self) -> str:
        """The implementation of attention, as transformers calls it."""
        return str(self.config._attn_implementation)

    @property
    def layers(self) -> int:
        """How many layers a text goes through; in ALBERT it can be more than `num_hidden_layers`."""
        return len(layer_paths(self.config))

    @property
    def has_pooler(self) -> bool:
        """Whether the encoder ends in a pooler: a vector of the whole text, made of the first token's."""
        return getattr(self.network.base_model, "pooler", None) is not None

    @property
    def mask_id(self) -> int | None:
        """The id of the mask token; None where the tokenizer has none."""
        return special_id(self.tokenizer, "mask")

    @property
    def mask_token(self) -> str | None:
        """The mask as it is written in a text, such as “[MASK]”; None where the tokenizer has none."""
        token = self.tokenizer.mask_token
        return None if token is None else str(token)

    def encode(self, text: str | list[str], pair: str | list[str] | None = None, **options: Any) -> BatchEncoding:
        """Call the tokenizer; arguments and result as in `PreTrainedTokenizerFast.__call__`."""
        with self._lock:
            return self.tokenizer(text, pair, **options)

    def encodings(self, text: str | list[str], pair: str | list[str] | None = None, **options: Any) -> list[Encoding]:
        """As `encode`, in the tokenizers library's own form: one `Encoding` a text, with offsets and words."""
        return self.encode(text, pair, **options).encodings or []


def special_id(tokenizer: PreTrainedTokenizerFast, role: str) -> int | None:
    """The id of a special token by its role: "mask", "pad", "unk", "cls" or "sep"; None where there is none."""
    return getattr(tokenizer, f"{role}_token_id")


def pad_id(tokenizer: PreTrainedTokenizerFast) -> int:
    """The id of the token that fills up the shorter texts of a batch. Raises `LabError` where there is none."""
    found = special_id(tokenizer, "pad")
    if found is None:
        raise LabError(
            "This model's tokenizer has no padding token, so texts of different lengths do not fit into one batch.",
            "Choose another model.",
        )
    return found


def open_model(reference: str = catalogue.BUILTIN, *, attention: str = "eager") -> Model:
    """Open a model for looking at it or predicting with it, in fp32 on the CPU.

    `reference` is "builtin", the id of a finished run, a local folder or a Hub id. `attention` is the implementation:
    "eager" returns attention weights, "sdpa" is faster and does not (transformers, `attn_implementation`).
    Raises `LabError` when there is no such model, when it cannot be fetched, when it is unsafe to open, or when its
    files do not stop changing.

    >>> open_model("builtin").config.num_hidden_layers
    6
    """
    folder = folder_of(reference)
    check_folder(folder)  # before anything large is read
    for _ in range(_TRIES):
        before = fingerprint(folder)
        config = check_folder(folder)
        _import_family(config["model_type"])
        network, task, notices = _first_complete(folder, config, attention)
        tokenizer, settings = _load_tokenizer(folder), read_settings(folder)
        if fingerprint(folder) == before:  # all that was read belongs together
            network.requires_grad_(False)
            return Model(reference, title_of(reference), task, network.eval(), tokenizer, settings, before, notices)
    raise LabError(
        f"The files of the model in “{folder.name}” keep changing while it is opened.",
        "Wait until they are all written, then try again.",
    )


def with_attention(model: Model, attention: str) -> Model:
    """The same model with another implementation of attention, over the very same weights; `model` stays as it is."""
    if model.attention == attention:
        return model
    network = weight_sharing_clone(model.network)
    network.set_attn_implementation(attention)  # of the clone's own configuration
    return replace(model, network=network)


def load_for_training(
    reference: str,
    *,
    task: str,
    labels: Sequence[str] | None = None,
    from_scratch: bool = False,
    **configuration: Any,
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Open a model with a head for `task`, ready to be trained: fp32 weights, SDPA attention, class names set.

    `configuration` goes into the network's configuration as it is. A head that the checkpoint lacks, or whose classes
    differ from `labels`, starts with random weights, with `from_scratch` the whole network does (seed torch before
    calling). Raises `LabError` as `open_model`.
    """
    folder = folder_of(reference)
    check_folder(folder)
    if labels is not None:
        names = dict(enumerate(labels))
        places = {name: index for index, name in names.items()}
        configuration |= {"num_labels": len(names), "id2label": names, "label2id": places}
    if from_scratch:
        network = _random_network(folder, _AUTO_CLASS[task], configuration)
    else:
        network, _ = _load_network(
            folder, _AUTO_CLASS[task], attn_implementation="sdpa", ignore_mismatched_sizes=True, **configuration
        )
    return network, _load_tokenizer(folder)


def _random_network(folder: Path, auto_class: type, configuration: dict[str, Any]) -> PreTrainedModel:
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, **configuration)
    config.return_dict, config.chunk_size_feed_forward = True, 0
    return auto_class.from_config(config, attn_implementation="sdpa", dtype=torch.float32)


def position_limit(config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast) -> int:
    """The most positions (special tokens included) that one text may take in a network and its tokenizer."""
    return min(longest(config), tokenizer.model_max_length)


def prepare_for_serving() -> None:
    """Set this process up for answering many people at once; call it once in a process, after the first model is open.

    One thread per forward pass: with more, concurrent requests fight for the cores (20 at once: 0.8 instead of 5
    seconds). Objects alive now are taken out of garbage collection, which otherwise costs 250 ms after each page run.
    """
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


def folder_of(reference: str) -> Path:
    """The folder of a model on this machine, fetched from the Hub first where it names one there. Raises `LabError`."""
    folder = catalogue.locate(reference)
    return folder if folder is not None else _fetch_from_hub(reference.strip())


def _fetch_from_hub(hub_id: str) -> Path:
    """Download the configuration, tokenizer and safetensors weights of a Hub model (or find them in the cache)."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_HUB_FILES))
    except RepositoryNotFoundError as error:
        raise LabError(f"The Hub has no public model called “{hub_id}”.", "Check the spelling of its name.") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        at_hand = ", ".join(f"“{entry.reference}”" for entry in catalogue.entries())
        raise LabError(
            f"The model “{hub_id}” could not be fetched from the Hub, and no copy of it is on this machine.",
            f"Check the network, or choose one that needs none: {at_hand}.",
        ) from error


def _import_family(name: str) -> None:
    """Load transformers' code of a family, in one thread at a time: two that do so at once may find it half loaded."""
    module = name.replace("-", "_")
    with _importing:
        importlib.import_module(f"transformers.models.{module}.modeling_{module}")


def _first_complete(
    folder: Path, config: dict[str, Any], attention: str
) -> tuple[PreTrainedModel, str, tuple[str, ...]]:
    """The network with the most of what its configuration names and its weights really hold, the task it serves, and
    notices about it.

    transformers would give a head that the weights do not hold random weights.
    """
    for auto_class, task, options in _candidates(config):
        named, notices = _labels(folder, config, task)
        network, missing = _load_network(folder, auto_class, attn_implementation=attention, **options, **named)
        if not missing:
            return network, task, notices
    return network, ENCODER, ()


def _labels(folder: Path, config: dict[str, Any], task: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the configuration must say of the labels so that it fits the weights, and notices for people."""
    if task not in (SEQUENCE_CLASSIFICATION, TOKEN_CLASSIFICATION):
        return {}, ()
    of_texts = FAMILIES[config["model_type"]].classifier.output
    count = count_of(folder, f"{of_texts if task == SEQUENCE_CLASSIFICATION else 'classifier'}.weight")
    if count is None:
        return {}, ()
    names, notices = label_names(config.get("id2label"), count)
    places = {name: place for place, name in enumerate(names)}
    return {"num_labels": count, "id2label": dict(enumerate(names)), "label2id": places}, notices


def _candidates(config: dict[str, Any]) -> list[tuple[type, str, dict[str, Any]]]:
    """What to try, best first: a model class, the task it serves, and its options."""
    architecture = (config.get("architectures") or [""])[0]
    is_discriminator = config["model_type"] == "electra" and architecture.endswith("ForPreTraining")
    found: list[tuple[type, str, dict[str, Any]]] = []
    head = next((task for ending, task in _HEADS.items() if architecture.endswith(ending)), None)
    if head is not None:
        found.append((_AUTO_CLASS[head], head, {}))
    elif architecture.endswith("ForPreTraining") and not is_discriminator:  # with its next-sentence head
        found.append((transformers.AutoModelForPreTraining, MASKED_LM, {}))
    if architecture.endswith(("ForMaskedLM", "ForPreTraining")) and not is_discriminator:
        found.append((_AUTO_CLASS[MASKED_LM], MASKED_LM, {}))
    found.append((_AUTO_CLASS[ENCODER], ENCODER, {}))
    if FAMILIES[config["model_type"]].pooler:
        found.append((_AUTO_CLASS[ENCODER], ENCODER, {"add_pooling_layer": False}))
    return found


def title_of(reference: str) -> str:
    """What a model is called in lists: the name of its run, or its reference."""
    return next((entry.title for entry in catalogue.entries() if entry.reference == reference), reference)


def _load_network(folder: Path, auto_class: type, **options: Any) -> tuple[PreTrainedModel, bool]:
    """The network, and whether some of its weights were not in the checkpoint."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        network, report = auto_class.from_pretrained(
            folder,
            dtype=torch.float32,  # fp16 weights would otherwise stay fp16, which a CPU computes badly
            local_files_only=True,
            use_safetensors=True,
            disable_mmap=True,  # a mapped file that is overwritten changes the open model, a shortened one ends the app
            trust_remote_code=False,
            output_loading_info=True,
            return_dict=True,  # both may be set otherwise in a checkpoint; neither changes a number
            chunk_size_feed_forward=0,
            **options,
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise LabError(
            f"The model in “{folder.name}” could not be opened: {first_line(error)}",
            "Its files are incomplete or damaged. Fetch or save them again.",
        ) from error
    return network, bool(report["missing_keys"])


def _load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        raise LabError(
            f"The tokenizer in “{folder.name}” could not be opened.",
            "The folder must hold tokenizer.json, or the vocabulary files of a BERT-like model.",
        ) from error
    if not tokenizer.is_fast:
        raise LabError(
            f"The tokenizer in “{folder.name}” has no fast version, which is needed to point at characters.",
            "Choose a model that comes with a tokenizer.json.",
        )
    tokenizer.backend_tokenizer.no_truncation()  # some checkpoints carry both inside, and would cut texts silently
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.truncation_side = tokenizer.padding_side = "right"  # what is cut and filled up is the end, for all models
    if (settings := read_settings(folder)) is not None:  # a run saves the length of its plan in the tokenizer
        tokenizer.model_max_length = settings.position_limit
    if tokenizer.model_max_length > _UNLIMITED:
        tokenizer.model_max_length = _UNLIMITED
    return tokenizer
