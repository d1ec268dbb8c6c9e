"""Fetches data sets of the Hugging Face Hub by name, once, into the workspace; later they open without a network.

The one part of `core.data` that makes requests, and only to the Hub. Data sets that bring a program are refused: none
is ever run.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.data import limits
from core.data.reading.formats.saved_folder import is_saved
from core.errors import LabError, first_line
from core.workspace import cannot_write, is_of_disk, remove_folder, workspace

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder, DatasetDict

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95}){0,2}", re.ASCII)
_PLAIN_FORMATS = ("csv", "json", "parquet", "arrow", "text", "conll")
_MOST_FILES = 1000
_PATIENCE_SECONDS = 10


def fetched() -> tuple[str, ...]:
    """The names of the data sets that are here already, in alphabetical order."""
    folder = workspace() / "hub"
    if not folder.is_dir():
        return ()
    folders = (path for path in folder.iterdir() if not path.name.startswith("."))  # those are half made, half removed
    return tuple(sorted(path.name.replace("--", "/") for path in folders if is_saved(path)))


def check_name(name: str) -> str:
    """The name of a Hub data set, such as "imdb", "dair-ai/emotion" or "glue/cola". Raises LabError for anything else.

    Makes no request.
    """
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise LabError(
            f"{name[:200]!r} is no name of a data set on the Hub.",
            "Write it as there, such as “imdb” or “dair-ai/emotion”; with a part of it behind, as “glue/cola”.",
        )
    return name


def fetch(name: str, *, at_hand: Sequence[str] = ()) -> Path:
    """The folder with a Hub data set, downloaded when it is not here yet.

    `at_hand` names what can be opened instead, for the error. Raises LabError when there is no such data set, when it
    cannot be reached, is too large, or consists of anything but plain data files.
    """
    folder = folder_of(name)
    if is_saved(folder):
        return folder
    found = _download(name, at_hand)
    try:
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent, ignore_cleanup_errors=True) as staged:
            saved = Path(staged) / "data"
            found.save_to_disk(str(saved))
            if not is_saved(folder):  # somebody else may have been faster
                shutil.rmtree(folder, ignore_errors=True)
                saved.replace(folder)
    except OSError as error:
        raise cannot_write(error, "the data set could not be stored") from error
    return folder


def delete(name: str) -> None:
    """Remove a fetched data set; it can be fetched again, as it then is on the Hub. Raises LabError when there is none.

    The download that the `datasets` library keeps in a cache of its own is not touched.
    """
    folder = folder_of(name)
    if not is_saved(folder):
        raise LabError(f"The data set “{name}” is not on this machine.", "Choose another one.")
    try:
        remove_folder(folder)
    except OSError as error:
        raise cannot_write(error, "the data set could not be deleted") from error


def folder_of(name: str) -> Path:
    """Where a data set is, or would be, when it is fetched. Raises LabError for what is no name."""
    return workspace() / "hub" / check_name(name).replace("/", "--")


def _download(name: str, at_hand: Sequence[str]) -> "Dataset | DatasetDict":
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    datasets.disable_progress_bars()
    _reach(name, at_hand)
    for repository, part in _candidates(name):
        try:
            builder = _builder(repository, part)
            _check(builder)
            builder.download_and_prepare()
            return builder.as_dataset()
        except DatasetNotFoundError:
            continue
        except LabError:
            raise
        except Exception as error:  # the library raises whatever its parts do
            raise _explained(name, error, at_hand) from error
    raise LabError(f"The Hub has no public data set called “{name}”.", "Check the spelling of its name.")


def _reach(name: str, at_hand: Sequence[str]) -> None:
    """Raise LabError when the Hub does not answer: the library itself would try for half a minute."""
    from datasets import config
    from huggingface_hub import constants, get_session

    if config.HF_HUB_OFFLINE or constants.HF_HUB_OFFLINE:  # the library knows, and looks into its cache
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE_SECONDS)
    except Exception as error:  # of whichever library carries the request
        raise _unreachable(name, at_hand) from error


def _candidates(name: str) -> Iterator[tuple[str, str | None]]:
    """What a name can mean: a repository, or a repository and a part (configuration) of it."""
    parts = name.split("/")
    if len(parts) < 3:
        yield name, None
    if len(parts) > 1:
        yield "/".join(parts[:-1]), parts[-1]


def _builder(repository: str, part: str | None) -> "DatasetBuilder":
    from datasets import load_dataset_builder

    address = f"hf://datasets/{repository}"  # never a folder of that name on this machine
    builder = load_dataset_builder(address, part)
    if _format(builder) == "csv":  # "NA" and "null" are words
        builder = load_dataset_builder(address, part, keep_default_na=False)
    return builder


def _format(builder: "DatasetBuilder") -> str:
    return type(builder).__module__.rpartition(".")[2]


def _check(builder: "DatasetBuilder") -> None:
    """Refuse what is too large, of another kind, or kept elsewhere, before any of it is downloaded."""
    if _format(builder) not in _PLAIN_FORMATS:
        raise LabError(
            f"The data set consists of files of the kind {_format(builder)!r}, not of tables.",
            f"Choose one that consists of files of the kinds {', '.join(_PLAIN_FORMATS)}.",
        )
    files = [str(file) for group in (builder.config.data_files or {}).values() for file in group]
    if any(not file.startswith("hf://datasets/") for file in files):
        raise LabError("The data set points at files outside the Hub.", "Download them yourself and upload them here.")
    size = builder.info.dataset_size or builder.info.download_size or _size(files)
    if size > limits.MAX_CONTENT_BYTES:
        raise limits.content_too_large()


def _size(files: Sequence[str]) -> int:
    from huggingface_hub import HfFileSystem

    if len(files) > _MOST_FILES:
        raise limits.content_too_large()
    system = HfFileSystem()
    return sum(system.info(file)["size"] for file in files)


def _explained(name: str, error: Exception, at_hand: Sequence[str]) -> LabError:
    message = str(error)
    if "scripts are no longer supported" in message:
        return LabError(
            f"The data set “{name}” comes with a program of its own, which is never run here.",
            "Choose one that consists of data files, or download its files and upload them here.",
        )
    if "Config name is missing" in message or "BuilderConfig" in message:
        parts = re.findall(r"'([\w.-]+)'", message)
        shown = ", ".join(parts[:20]) + (" and more" if len(parts) > 20 else "")
        return LabError(
            f"The data set “{name}” has several parts: {shown}.", "Write the one you want behind it, as in “glue/cola”."
        )
    if isinstance(error, OSError):
        if is_of_disk(error):
            return cannot_write(error, f"the data set “{name}” could not be downloaded")
        return _unreachable(name, at_hand)
    return LabError(
        f"The data set “{name}” cannot be opened: {first_line(error).rstrip('.')}.",
        "Choose another one, or download its files and upload them here.",
    )


def _unreachable(name: str, at_hand: Sequence[str]) -> LabError:
    return LabError(
        f"The data set “{name}” could not be fetched from the Hub, and no copy of it is on this machine.",
        f"Check the network, or choose one that needs none: {', '.join(at_hand[:20])}.",
    )
