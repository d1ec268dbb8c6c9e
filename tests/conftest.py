"""What every test stands on: a workspace of its own, no network but this machine's own, and a tiny model.

Imports neither torch nor transformers at collection, so that tests of the torch-free parts start at once.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase, digits, punctuation

import pytest
from hypothesis import settings

settings.register_profile("lab", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("lab")

# Read by the libraries when they are first imported, so they are set before any test module is.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
)

LOOPBACK = ("127.", "::1", "localhost", "::ffff:127.")

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
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse connections that leave this machine, and fail the test that tried, even where it coped."""
    connect = socket.socket.connect
    refused: list[object] = []

    def connect_on_this_machine(self: socket.socket, address: object) -> None:
        # A datagram socket that "connects" sends nothing: it is how a program asks for its own address.
        if isinstance(address, tuple) and self.type == socket.SOCK_STREAM and not str(address[0]).startswith(LOOPBACK):
            refused.append(address)
            raise ConnectionRefusedError(f"tests reach no network, and {address} is not on this machine")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_on_this_machine)
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
