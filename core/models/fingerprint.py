"""The identity of a model: a hash of what its files hold, known at once for files that have not changed.

Two folders with the same files have the same fingerprint; a model saved later under the same name has another one, also
when only the weights differ. Reads files, opens no model.
"""

import hashlib
import time
from pathlib import Path

from core.errors import LabError
from core.memory import ByteCache
from core.models import inference_settings

PATTERNS = (  # configuration, weights, tokenizer, how a run reads; whatever else lies in the folder is never read
    *("config.json", "*.safetensors", "*.safetensors.index.json", inference_settings.FILE),
    *("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model"),
)
_FRESH_NS = 2_000_000_000  # some file systems count time in steps of two seconds

_Stamp = tuple[int, int, int, int, int]
# SHA-256 by file and stamp: some thousand files. A file is hashed once, while others who want the same hash wait.
_hashes: ByteCache[tuple[Path, _Stamp], str] = ByteCache(2**20, lambda digest: 512)


def fingerprint(folder: Path) -> str:
    """40 hexadecimal digits for the content of a model folder's own files (`PATTERNS`; no subfolders, no hidden files).

    The content is read when a file is new or its size or times have changed (about 1 GB a second); otherwise this takes
    less than a millisecond. Raises `LabError` when a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for file in model_files(folder):
            digest.update(f"{file.name}\0{_hash_of(file)}\0".encode("utf-8", "surrogatepass"))
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


def _hash_of(file: Path) -> str:
    stamp = _stamp(file)
    if abs(time.time_ns() - max(stamp[-2:])) < _FRESH_NS:
        return _read(file)  # it may change again within the same tick of the file system's clock
    return _hashes.get((file, stamp), lambda: _read(file))


def _stamp(file: Path) -> _Stamp:
    """What changes when a file does: which one it is, its size, when it was written (`mtime`) and touched (`ctime`).

    The second time cannot be set by hand, as copying with times does with the first.
    """
    found = file.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
