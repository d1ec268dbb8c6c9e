"""Who reaches the app, what a checkpoint may do, and what is written of a person's keys: catalogue C02, C10 and C11.

The app runs as a process of its own, started with nothing but the project's settings; no browser takes part.
"""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from core.data.sources.uploads import store_upload
from core.runs.folder import Run, list_runs
from core.runs.status import read_json
from core.training.plan.plan import Plan
from tests.pages.conftest import _pages, open_page  # noqa: F401
from tests.tiny_training import stop_at, tiny_plan, train_here, write_csv  # noqa: F401

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60


# ---- C02


@dataclass
class Outside:
    """Stands for everything beyond this machine: the proxy that the app is told of. Hands out nothing."""

    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                visitor, _ = self._door.accept()
            except OSError:  # closed
                return
            with visitor:
                self.asked.append(visitor.recv(200).decode("latin-1").partition("\r\n")[0])

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@dataclass(frozen=True)
class DefaultApp:
    """The app with no word about its address but `.streamlit/config.toml`."""

    process: psutil.Popen
    port: int
    log: Path
    outside: Outside

    def answer(self, path: str, *, method: str = "GET", host: str, **headers: str) -> int | None:
        """The status of the answer to a request that names `host`; None where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": host, "Content-Length": "0", **headers}.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            return connection.getresponse().status
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()

    def handshake(self, host: str, origin: str | None) -> int:
        """101 when a page of `origin` that reached the app as `host` may talk to it. `{port}` is the app's."""
        headers = {} if origin is None else {"Origin": origin.format(port=self.port)}
        headers |= {"Connection": "Upgrade", "Upgrade": "websocket"}
        headers |= {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        return self.answer("/_stcore/stream", host=host.format(port=self.port), **headers)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DefaultApp]:
    folder = tmp_path_factory.mktemp("app")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    outside = Outside()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    environment |= {"BERTLAB_WORKSPACE": str(folder / "workspace"), "NO_PROXY": "", "no_proxy": ""}
    environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), outside.address)
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    with (folder / "app.log").open("wb") as log:
        process = psutil.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT)
    started = DefaultApp(process, port, folder / "app.log", outside)
    try:
        end = time.monotonic() + START_SECONDS
        while started.answer("/_stcore/health", host="localhost") != 200:
            assert process.poll() is None, started.log.read_text()
            assert time.monotonic() < end, started.log.read_text()
            time.sleep(0.1)
        yield started
    finally:
        process.kill()
        process.wait()
        outside.close()


def test_C02_a_default_start_listens_on_this_machine_only(app: DefaultApp) -> None:
    family = [app.process, *app.process.children(recursive=True)]
    sockets = [each for process in family for each in process.net_connections("inet")]
    listening = {each.laddr for each in sockets if each.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", app.port)}
    assert not [each for each in sockets if each.type == socket.SOCK_DGRAM]


@pytest.mark.parametrize("shell", [{}, {"HOST": "build.example.org"}], ids=["plain", "HOST of the shell"])
def test_C02_make_app_listens_on_this_machine_only(shell: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("HOST", "MAKEFLAGS")} | shell
    told = subprocess.run(["make", "-n", "app"], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert "--server.address 127.0.0.1 " in told.stdout


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}"),
        ("localhost:{port}", "http://localhost:{port}"),
        ("[::1]:{port}", "http://[::1]:{port}"),  # through a tunnel
        ("localhost:{port}", None),  # no browser
    ],
)
def test_C02_a_page_of_the_app_talks_to_it(app: DefaultApp, host: str, origin: str | None) -> None:
    assert app.handshake(host, origin) == 101


@pytest.mark.parametrize("origin", [None, "http://evil.example:{port}", "http://127.0.0.1:{port}"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost@evil.example", ""]
)
def test_C02_a_foreign_name_that_points_here_is_refused(app: DefaultApp, host: str, origin: str | None) -> None:
    assert app.handshake(host, origin) == 403


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:{port}",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "null",
    ],
)
def test_C02_a_foreign_page_is_refused(app: DefaultApp, host: str, origin: str) -> None:
    assert app.handshake(host, origin) == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_C02_a_foreign_page_uploads_and_deletes_nothing(app: DefaultApp, method: str) -> None:
    path = "/_stcore/upload_file/session/file"
    assert app.answer(path, method=method, host=f"127.0.0.1:{app.port}", Origin="http://evil.example") == 403


def test_C02_refusing_a_foreign_page_asks_nobody(app: DefaultApp) -> None:
    app.outside.asked.clear()
    assert app.handshake("127.0.0.1:{port}", "http://evil.example") == 403
    assert app.outside.asked == []


# ---- C10


class Trap:
    """Touches a file as soon as somebody unpickles it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple:
        return Path.touch, (self.file,)


@pytest.fixture
def stopped_run(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run stopped at step 2, with the checkpoint of that step."""
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        run, _ = train_here(plan)
    (run.path / "STOP").unlink()
    return run


def set_trap(run: Run, name: str, *, archive: bool, sprung: Path) -> None:
    """Put code that touches `sprung` into a file of the run's checkpoint, and seal it as if it were sound."""
    import torch

    from core.training.run import checkpoints

    (folder,) = checkpoints.list_checkpoints(run.path / "checkpoints")
    torch.save(Trap(sprung), folder / name, _use_new_zipfile_serialization=archive)
    if name == "pytorch_model.bin":  # read where the weights proper are missing
        (folder / "model.safetensors").unlink()
    checkpoints.seal(folder)
    torch.load(folder / name, weights_only=False)
    assert sprung.exists()  # it is a trap indeed
    sprung.unlink()


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("rng_state.pth", True),
        ("rng_state.pth", False),
        ("optimizer.pt", True),
        ("scheduler.pt", False),
        ("pytorch_model.bin", True),
    ],
)
def test_C10_code_in_a_checkpoint_is_never_executed(
    stopped_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, archive: bool
) -> None:
    from core.training.run import worker

    sprung = tmp_path / "sprung"
    set_trap(stopped_run, name, archive=archive, sprung=sprung)
    monkeypatch.setattr(os, "nice", lambda _: None)
    assert worker.main(stopped_run.path) == 1
    assert not sprung.exists()
    outcome = read_json(stopped_run.path / "outcome.json")
    assert outcome["state"] == "failed"
    assert "failed at step 2" in outcome["message"]


def test_C10_code_in_a_checkpoint_is_named_with_what_to_do(
    stopped_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training.run import worker

    set_trap(stopped_run, "optimizer.pt", archive=True, sprung=tmp_path / "sprung")
    monkeypatch.setattr(os, "nice", lambda _: None)
    worker.main(stopped_run.path)
    outcome = read_json(stopped_run.path / "outcome.json")
    assert "checkpoint" in outcome["message"]
    assert "can still be loaded" not in outcome["message"]
    assert "\x1b" not in outcome["message"]
    assert "new run" in outcome["remedy"]


# ---- C11

SECRETS = {
    name: f"secret-{name.lower()}-0123456789"
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN")
}


def test_C11_keys_of_the_environment_are_in_no_file_of_a_run_and_in_no_log(
    open_page,  # noqa: F811
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    data = store_upload(write_csv(tmp_path / "data.csv").read_bytes(), "data.csv").reference
    page = open_page("train/fine_tune/page.py", data=data, preset="quick", changed="epochs:0.2")
    next(each for each in page.button if each.label == "Start training").click().run()
    (run,) = list_runs()
    assert run.wait().state == "finished"

    written = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    assert {"plan.yaml", "environment.json", "train.log", "model.safetensors"} <= {path.name for path in written}
    printed = "".join([*capfd.readouterr(), caplog.text])
    for name, value in SECRETS.items():
        assert value not in printed, name
        assert [path for path, content in written.items() if value.encode() in content] == [], name
