"""What every test stands on: a workspace of its own, no network but this machine's own, and a tiny model.

Imports neither torch nor transformers at collection, so that tests of the torch-free parts start at once.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from string import ascii_lowercase, digits, punctuation
from typing import Any

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

settings.register_profile("lab", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("lab")

# Read by the libraries when they are first imported, so they are set before any test module is.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="1",  # two workers on two cores; what is computed here is too small for more
)
# Compiled files are kept whatever the shell says: a test that starts a process would else compile torch each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Files that take a minute or so: begun first, so that no worker waits at the end for the other. Those that mostly wait
# for other processes and those that compute take turns.
LONGEST_FIRST = (
    "core/runs/test_slurm.py",
    "browser/test_keyboard.py",
    "browser/test_attention.py",
    "faults/test_supervision_faults.py",
    "browser/test_queue.py",
    "browser/test_navigation.py",
    "browser/test_journey.py",
    "browser/test_embeddings.py",
    "browser/test_fill_mask.py",
    "browser/test_training_survives.py",
    "browser/test_odd_input.py",
    "faults/test_supervision_finish.py",
    "core/training/test_probe.py",
    "core/training/test_stopping.py",
    "core/training/test_training.py",
    "faults/test_full_disk.py",
    "browser",
    "faults",
    "core/training",
    "pages",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(TESTS)
        return min((places[name] for each in (path, *path.parents) if (name := each.as_posix()) in places), default=99)

    items.sort(key=place)


WORDS = ("the", "cat", "dog", "sat", "on", "mat", "good", "bad", "film", "was", "very", "not", "play", "##ing", "##ed")
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *(ascii_lowercase + digits + punctuation),
    *(f"##{character}" for character in ascii_lowercase + digits),
    *WORDS,
]


@pytest.fixture(scope="session", autouse=True)
def _session_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Session-wide fixtures, too, write into a temporary workspace and never into the project's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTLAB_WORKSPACE", str(tmp_path_factory.mktemp("session") / "workspace"))
        yield


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace of this test's own; the core and every process it starts use it."""
    path = tmp_path / "workspace"
    path.mkdir()
    monkeypatch.setenv("BERTLAB_WORKSPACE", str(path))
    return path


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """A test that works as a training process does leaves this one as it was: environment, and how numbers round."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


def _number(host: object) -> IPv4Address | IPv6Address | None:
    """The address that a host is written as; None for a name."""
    try:
        number = ip_address(str(host).partition("%")[0])
    except ValueError:
        return None
    return getattr(number, "ipv4_mapped", None) or number


def _is_foreign_name(host: object) -> bool:
    """Whether a name server would be asked for this host."""
    host = host.decode() if isinstance(host, bytes) else host
    return bool(host) and host not in ("localhost", socket.gethostname()) and _number(host) is None


def _is_foreign(address: object) -> bool:
    """Whether the address of a socket is, or may be, on another machine."""
    if not isinstance(address, tuple) or address[0] == "localhost":
        return False
    number = _number(address[0])
    return number is None or not number.is_loopback


def _is_foreign_peer(sender: socket.socket) -> bool:
    """Whether what a datagram socket sends without an address leaves this machine. A stream was stopped before."""
    if sender.type != socket.SOCK_DGRAM:
        return False
    try:
        return _is_foreign(sender.getpeername())
    except OSError:
        return False


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse look-ups, connections and datagrams that leave this machine; the test that tried fails if it coped, too.

    Stops what goes through Python's `socket`, in this process.
    """
    refused: list[str] = []

    def guard(owner: object, name: str, leaves: Callable[..., bool], error: type[OSError]) -> None:
        original = getattr(owner, name)

        def guarded(*arguments: Any, **options: Any) -> Any:
            if leaves(*arguments, **options):
                tried = f"{name}{arguments if owner is socket else arguments[1:]}"
                refused.append(tried)
                raise error(f"tests reach no network, and {tried} leaves this machine")
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, guarded)

    for look_up in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        guard(socket, look_up, lambda host, *_, **__: _is_foreign_name(host), socket.gaierror)
    for connect in ("connect", "connect_ex"):
        # A datagram socket that "connects" sends nothing: it is how a program asks for its own address.
        leaves = lambda self, address: self.type != socket.SOCK_DGRAM and _is_foreign(address)  # noqa: E731
        guard(socket.socket, connect, leaves, ConnectionRefusedError)
    for send in ("send", "sendall"):
        guard(socket.socket, send, lambda self, *_: _is_foreign_peer(self), ConnectionRefusedError)
    for send in ("sendto", "sendmsg"):
        leaves = lambda self, *words: _is_foreign(words[-1]) or _is_foreign_peer(self)  # noqa: E731
        guard(socket.socket, send, leaves, ConnectionRefusedError)
    yield
    if refused:
        pytest.fail(f"the test reached for the network: {refused}")


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with a masked-language head as a standard Hugging Face folder: 2 layers, 2 heads, 32 wide.

    Its WordPiece vocabulary spells any lower-case word letter by letter. For tests of the machinery: it knows nothing.
    Tests read the folder and never write to it.
    """
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny") / "model"
    folder.mkdir()
    vocabulary_file = folder / "vocab.txt"
    vocabulary_file.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(vocabulary_file), do_lower_case=True, model_max_length=512)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertForMaskedLM(
            BertConfig(
                vocab_size=len(VOCABULARY),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=512,
                # Wider than BERT's 0.02, so that attention rows and predictions differ visibly from uniform.
                initializer_range=0.2,
            )
        )
    model.save_pretrained(folder)
    return folder
