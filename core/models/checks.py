"""Whether a model folder is safe and fit to open. Reads its small JSON files, loads no weights."""

import json
from pathlib import Path
from typing import Any

from core.errors import LabError
from core.models.families import FAMILIES
from core.models.labels import check_labels

_PLAIN_ATTENTION = (None, "eager", "sdpa")


def check_folder(folder: Path) -> dict[str, Any]:
    """Read and return a model folder's configuration, or refuse the folder.

    Refused with a `LabError`: no configuration, weights only as pickle files (loading one can run code), code that
    would have to be executed (`auto_map`, a custom attention kernel), a family that is not BERT-like, a decoder, labels
    whose names have no numbers.
    """
    config = _read_json(folder / "config.json")
    if config is None:
        raise LabError(
            f"The folder “{folder.name or folder}” holds no readable config.json.",
            "Choose a folder as written by `save_pretrained`: config.json, model.safetensors and the tokenizer files.",
        )
    for settings in (config, _read_json(folder / "tokenizer_config.json") or {}):
        if "auto_map" in settings:
            raise LabError(
                f"The model “{folder.name or folder}” asks to run program code of its own (auto_map).",
                "BERT Lab never runs code that comes with a model. Choose a model of a standard family.",
            )
    attention = config.get("_attn_implementation", config.get("attn_implementation"))
    if attention not in _PLAIN_ATTENTION:
        raise LabError(
            f"The model “{folder.name or folder}” asks for the attention code “{str(attention)[:80]}”.",
            "BERT Lab only runs the attention that ships with transformers. Remove that entry from config.json.",
        )
    family = config.get("model_type")
    if family not in FAMILIES:
        raise LabError(
            f"The model “{folder.name or folder}” is of the family “{str(family)[:80]}”, which is not BERT-like.",
            "Choose a model of one of these families: " + ", ".join(FAMILIES) + ".",
        )
    if config.get("is_decoder") or config.get("add_cross_attention"):
        raise LabError(
            f"The model “{folder.name or folder}” is set up as a decoder, whose tokens may only look back.",
            "BERT Lab explains encoders. Choose one, for instance bert-base-uncased.",
        )
    check_labels(config, folder.name or str(folder))
    if not any(folder.glob("*.safetensors")):
        pickled = [path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern)]
        found = f"only pickled weights ({', '.join(pickled[:3])})" if pickled else "no weights"
        raise LabError(
            f"The folder “{folder.name or folder}” holds {found}.",
            "Weights must be a .safetensors file: pickled ones can run code when they are opened. "
            "Save the model again with `save_pretrained(..., safe_serialization=True)`.",
        )
    return config


def _read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file is missing or holds something else."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
