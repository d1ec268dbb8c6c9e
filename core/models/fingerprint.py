"""The identity of a model: a hash of what its files hold, known at once for files that have not changed.

Two folders with the same files have the same fingerprint; a model saved later under the same name has another one, also
when only the weights differ. Reads files, opens no model.
"""

import hashlib
from functools import partial
from pathlib import Path

from core.errors import LabError
from core.memory import FileCache
from core.models import inference_settings

PATTERNS = (  # configuration, weights, tokenizer, how a run reads; whatever else lies in the folder is never read
    *("config.json", "*.safetensors", "*.safetensors.index.json", inference_settings.FILE),
    *("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model"),
)
_hashes: FileCache[str] = FileCache(2_000)  # SHA-256


def fingerprint(folder: Path) -> str:
    """40 hexadecimal digits for the content of a model folder's own files (`PATTERNS`; no subfolders, no hidden files).

    The content is read when a file is new or its size or times have changed (about 1 GB a second); otherwise this takes
    less than a millisecond. Raises `LabError` when a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for file in model_files(folder):
            content = _hashes.get(file, partial(_read, file))
            digest.update(f"{file.name}\0{content}\0".encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise LabError(
            f"The files of the model in “{folder.name}” could not be read: {error.strerror or error}.",
            "Check that the folder is there and may be read, then try again.",
        ) from error
    return digest.hexdigest()[:40]


def model_files(folder: Path) -> list[Path]:
    """The files of a model folder that decide what the model computes, by name."""
    found = {file for pattern in PATTERNS for file in folder.glob(pattern)}
    return sorted(file for file in found if not file.name.startswith(".") and file.is_file())


def _read(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
