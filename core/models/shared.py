"""Models opened once for all who use this process, within a bound of bytes.

One copy of the weights serves every implementation of attention and every name of a folder. Opening itself, and
refusing, is `core.models.loading`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import LabError
from core.memory import ByteCache, release_memory
from core.models import catalogue
from core.models.checks import check_folder
from core.models.fingerprint import fingerprint
from core.models.loading import Model, folder_of, open_model, title_of, with_attention

MOST_BYTES = 2 * 2**30  # of weights and vocabularies: four models as large as BERT base
_BYTES_A_TOKEN = 300  # of a fast tokenizer, for each entry of its vocabulary: 8 MB for 30,522


@dataclass(slots=True, eq=False)
class _Opened:
    """A model and its views: one for each implementation of attention, over the same weights."""

    views: dict[str, Model]
    bytes: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def view(self, attention: str) -> Model:
        with self.lock:  # a clone takes some 10 ms
            if attention not in self.views:
                self.views[attention] = with_attention(next(iter(self.views.values())), attention)
            return self.views[attention]


_Key = tuple[Path, str]  # the folder, and the fingerprint of what lies in it
_fetched: set[str] = set()  # Hub models that this process has asked for: the network is asked once
_listeners: list[Callable[[Model], None]] = []
_something_went = threading.Event()


def open_shared(reference: str = catalogue.BUILTIN, *, attention: str = "eager") -> Model:
    """The model called `reference`, as its files are now: opened by the first who asks, and by nobody else.

    Arguments and errors as `core.open_model`. A model whose files have changed is evicted at once; of the others the
    longest unused, when all take more than `MOST_BYTES`.
    """
    folder = _folder(reference)
    check_folder(folder)  # before anything is read to the end
    key = folder, fingerprint(folder)
    _models.discard(lambda other, _: other[0] == folder and other != key)
    view = _models.get(key, lambda: _open(folder)).view(attention)
    if _something_went.is_set():
        _something_went.clear()
        release_memory()
    return replace(view, reference=reference, title=title_of(reference))


def is_open(reference: str) -> bool:
    """Whether `open_shared` need not wait."""
    try:
        if catalogue.locate(reference) is None and reference not in _fetched:
            return False
        folder = _folder(reference)
        return (folder, fingerprint(folder)) in _models
    except LabError:
        return False


def is_kept(model: Model) -> bool:
    """Whether this very network is still among the shared ones."""
    return any(model.network is view.network for opened in _models.values() for view in opened.views.values())


def bytes_kept() -> int:
    """What all shared models take."""
    return _models.bytes


def on_evict(listener: Callable[[Model], None]) -> None:
    """Have `listener` called with each view of a model that is evicted; what it keeps of it should go, too."""
    _listeners.append(listener)


def _open(folder: Path) -> _Opened:
    model = open_model(str(folder))
    storages = {
        each.untyped_storage().data_ptr(): each.untyped_storage().nbytes()
        for each in (*model.network.parameters(), *model.network.buffers())
    }
    size = sum(storages.values()) + _BYTES_A_TOKEN * len(model.tokenizer)
    return _Opened({model.attention: model}, size)


def _notify(opened: _Opened) -> None:
    _something_went.set()
    for view in tuple(opened.views.values()):
        for listener in _listeners:
            listener(view)


_models: ByteCache[_Key, _Opened] = ByteCache(MOST_BYTES, lambda opened: opened.bytes, _notify)


def _folder(reference: str) -> Path:
    """As `folder_of`; a Hub model that was fetched before is looked for on this machine, where it may be newer now."""
    if reference in _fetched:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            return Path(snapshot_download(reference.strip(), local_files_only=True))
        except (LocalEntryNotFoundError, OSError, ValueError):
            _fetched.discard(reference)
    folder = folder_of(reference)
    if catalogue.locate(reference) is None:
        _fetched.add(reference)
    return folder
