"""What goes wrong around a running training, and what must happen: catalogue E, C04 and C05.

Small commands stand in for the worker, so that each takes about a second.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from core.errors import LabError
from core.runs.device_lock import DeviceLock
from core.runs.executors import LocalExecutor
from core.runs.folder import Run, create_run, delete_run, list_runs, open_run
from core.runs.process import identity
from core.runs.status import read_json, write_json, write_status

REPOSITORY = Path(__file__).parents[2]
SLEEP = "import time; time.sleep(60)"
OBEY = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
while not (folder / "STOP").exists(): time.sleep(0.05)
(folder / "outcome.json").write_text('{"state": "stopped", "message": "Stopped at step 3."}')
"""


def submit(run: Run, code: str, *, grace_seconds: float = 30.0) -> None:
    command = [sys.executable, "-c", code, str(run.path)]
    LocalExecutor(grace_seconds=grace_seconds).submit(run, command, device="cpu")


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def supervisor_of(run: Run) -> psutil.Process:
    wait_for(lambda: read_json(run.path / "supervisor.json").get("device"))  # its own word, not the launcher's
    return psutil.Process(read_json(run.path / "supervisor.json")["pid"])


def worker_of(run: Run) -> psutil.Process:
    wait_for(lambda: run.status().state == "running")
    wait_for(lambda: supervisor_of(run).children())
    return supervisor_of(run).children()[0]


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def run() -> Run:
    return create_run("plan")


def test_E01_the_run_outlives_the_program_that_launched_it(run: Run) -> None:
    code = f"""
import os, sys; from pathlib import Path
from core.runs.executors import LocalExecutor; from core.runs.folder import Run
run = Run(Path({str(run.path)!r}))
LocalExecutor().submit(run, [sys.executable, "-c", {OBEY!r}, str(run.path)], device="cpu")
os.kill(os.getpid(), 9)
"""
    launcher = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False)
    assert launcher.returncode == -signal.SIGKILL
    worker_of(run)
    run.request_stop()
    status = LocalExecutor().wait(run)
    assert (status.state, status.message, status.exit_code) == ("stopped", "Stopped at step 3.", 0)


def test_E01_a_signal_to_the_supervisor_is_a_graceful_stop(run: Run) -> None:
    submit(run, OBEY)
    worker_of(run)
    supervisor_of(run).send_signal(signal.SIGINT)
    assert LocalExecutor().wait(run).message == "Stopped at step 3."


def test_E03_a_worker_that_ignores_everything_is_gone_after_the_grace_time(run: Run) -> None:
    deaf = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(60)"
    code = f"""
import subprocess, sys, time
deaf = {deaf!r}
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
orphan = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
subprocess.run([sys.executable, "-c", orphan, deaf])
exec(deaf)
"""
    submit(run, code, grace_seconds=0.2)
    worker = worker_of(run)
    supervisor = supervisor_of(run)
    wait_for(lambda: len(supervisor.children(recursive=True)) == 3)
    family = [worker, *supervisor.children(recursive=True)]
    time.sleep(0.3)
    run.request_stop()
    status = LocalExecutor().wait(run)
    assert status.state == "stopped"
    assert "by force" in status.message
    assert status.exit_code == -9
    wait_for(lambda: all(map(gone, family)))


def test_E03_what_a_finished_worker_left_running_is_swept_up(run: Run) -> None:
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"
    submit(run, f"{code}; import time; time.sleep(0.5)")
    worker_of(run)
    supervisor = supervisor_of(run)
    wait_for(lambda: len(supervisor.children(recursive=True)) == 2)
    family = supervisor.children(recursive=True)
    LocalExecutor().wait(run)
    wait_for(lambda: all(map(gone, family)))


def test_E04_a_killed_supervisor_is_lost_leaves_no_orphan_and_frees_the_device(run: Run) -> None:
    code = (
        "import os, time; from core.runs.process import die_with_parent;"
        "die_with_parent(int(os.environ['BERTLAB_SUPERVISOR'])); time.sleep(60)"
    )
    submit(run, code)
    worker = worker_of(run)
    time.sleep(0.5)  # until it has asked to die with its parent
    supervisor_of(run).kill()
    wait_for(lambda: gone(worker))
    wait_for(lambda: run.status().state == "lost")
    assert "resume" in run.status().remedy.lower()
    wait_for(DeviceLock("cpu").try_acquire)


def test_E05_a_reused_number_is_not_taken_for_the_run_and_not_harmed(run: Run) -> None:
    write_status(run.path, "running")
    known = {**identity(os.getpid()), "heartbeat": time.time()}
    write_json(run.path / "supervisor.json", known)
    assert run.status().state == "running"
    write_json(run.path / "supervisor.json", {**known, "create_time": known["create_time"] - 100})
    assert run.status().state == "lost"
    run.request_stop()  # touches nothing, signals nobody
    assert not (run.path / "STOP").exists()


def test_E05_after_a_reboot_nothing_runs(run: Run) -> None:
    write_status(run.path, "running")
    write_json(run.path / "supervisor.json", {**identity(os.getpid()), "boot": "before", "heartbeat": time.time()})
    assert run.status().state == "lost"


def test_E06_one_runs_and_one_queues(run: Run) -> None:
    second = create_run("plan")
    submit(run, OBEY)
    worker_of(run)
    submit(second, OBEY)
    supervisor_of(second)
    time.sleep(0.3)
    assert (run.status().state, second.status().state) == ("running", "queued")
    run.request_stop()
    wait_for(lambda: second.status().state == "running")
    assert run.status().state == "stopped"
    second.request_stop()
    LocalExecutor().wait(second)


def test_E06_a_queued_run_can_be_stopped(run: Run) -> None:
    device = DeviceLock("cpu")
    assert device.try_acquire()
    submit(run, SLEEP)
    supervisor_of(run)
    run.request_stop()
    assert LocalExecutor().wait(run).state == "stopped"
    device.release()


def test_E06_a_double_click_starts_a_run_once(run: Run) -> None:
    submit(run, OBEY)
    with pytest.raises(LabError, match="active"):
        submit(run, OBEY)
    worker_of(run)
    run.request_stop()
    assert LocalExecutor().wait(run).message == "Stopped at step 3."


def test_E08_killed_for_memory_is_named(run: Run) -> None:
    submit(run, "import os; os.kill(os.getpid(), 9)")
    status = LocalExecutor().wait(run)
    assert (status.state, status.exit_code) == ("failed", -9)
    assert "memory" in status.message
    assert "batch size" in status.remedy


def test_E09_a_stale_heartbeat_is_stalled(run: Run) -> None:
    write_status(run.path, "running")
    write_json(run.path / "supervisor.json", {**identity(os.getpid()), "heartbeat": time.time() - 60})
    assert run.status().state == "stalled"
    assert run.status().is_active


def test_E10_torn_lines_and_a_vanished_folder_are_survived(run: Run) -> None:
    (run.path / "events.jsonl").write_bytes(
        b'{"kind": "note", "message": "a"}\n{"kind": "tr\n\xff\xfe\n[]\n{"kind": "b"'
    )
    assert run.events() == [{"kind": "note", "message": "a"}]
    write_status(run.path, "finished")
    delete_run(run)
    assert (run.events(), run.plan_text(), run.log_tail(), run.metrics()) == ([], "", "", {})
    assert run.status().state == "lost"
    run.request_stop()
    assert not run.path.exists()


def test_E10_a_folder_deleted_during_the_run_ends_it(run: Run) -> None:
    submit(run, SLEEP)
    worker, supervisor = worker_of(run), supervisor_of(run)
    run.path.rename(run.path.with_name(".removing"))
    wait_for(lambda: gone(worker) and gone(supervisor))
    assert not run.path.exists()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "%2e%2e", "%252e%252e", "..\\runs", "../runs", "/etc", "a/b", "a\0b", "a" * 500, "-", "é", "x\n"],
)
def test_C04_an_id_that_is_none_is_not_found_and_nothing_deleted(run: Run, workspace: Path, name: str) -> None:
    with pytest.raises(LabError, match="no run"):
        open_run(name)
    with pytest.raises(LabError):
        delete_run(Run(workspace / "runs" / name) if "\0" not in name else Run(workspace / "runs" / "%00"))
    assert list_runs() == [run]


def test_C05_links_and_neighbours_are_not_served(run: Run, workspace: Path) -> None:
    secret = workspace / "secret"
    secret.write_text("s")
    neighbour = run.path.with_name(f"{run.id}-other")
    neighbour.mkdir()
    (neighbour / "file").write_text("n")
    (run.path / "link").symlink_to(secret)
    (run.path / "folder").symlink_to(neighbour)
    (run.path / "inner").symlink_to(run.path / "plan.yaml")
    assert run.file("plan.yaml").read_text() == "plan"
    bad = ["link", "folder/file", "inner", f"../{neighbour.name}/file", str(secret), "../../secret", "", "none", "a\0b"]
    for name in bad:
        with pytest.raises(LabError, match="no file"):
            run.file(name)
    (run.path.parent / "linked-run").symlink_to(neighbour)
    with pytest.raises(LabError, match="no run"):
        open_run("linked-run")
