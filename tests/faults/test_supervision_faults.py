"""What goes wrong around a running training, and what must happen: catalogue E, C04 and C05.

Small commands stand in for the worker, so that each takes about a second.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from core import machine
from core.errors import LabError
from core.runs.device_lock import DeviceLock, try_lock_file
from core.runs.executors import LocalExecutor
from core.runs.folder import Run, create_run, delete_run, list_runs, open_run
from core.runs.process import identity
from core.runs.queue import queue_of
from core.runs.status import read_json, write_json, write_status
from tests.programs import write_program
from tests.waiting import wait_for

REPOSITORY = Path(__file__).parents[2]
SLEEP = "import time; time.sleep(600)"
OBEY = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
while not (folder / "STOP").exists(): time.sleep(0.05)
(folder / "outcome.json").write_text('{"state": "stopped", "message": "Stopped at step 3."}')
"""

STOP_ITSELF = """
import os, signal
while True: os.kill(os.getpid(), signal.SIGSTOP)
"""
BEAT = """
import pathlib, sys, time
from core.runs import beat
beat.BEAT_SECONDS = 0.1
worker = beat.Beat(pathlib.Path(sys.argv[1]), "rank-0")
worker.start()
"""
DEAF = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(600)"


def launcher(*ranks: str) -> str:
    """What starts a worker for each card in a session of its own and waits for them all, as torchrun does."""
    return f"""
import subprocess, sys
ranks = [subprocess.Popen([sys.executable, "-c", code, *sys.argv[1:]], start_new_session=True) for code in {ranks!r}]
sys.exit(max(rank.wait() for rank in ranks))
"""


def submit(
    run: Run,
    code: str,
    *,
    grace_seconds: float = 30.0,
    silent_seconds: float = 15.0,
    device: str = "cpu",
    **resources: int,
) -> None:
    command = [sys.executable, "-c", code, str(run.path)]
    executor = LocalExecutor(grace_seconds=grace_seconds, silent_seconds=silent_seconds)
    executor.submit(run, command, device=device, **resources)


def stop(run: Run) -> str:
    run.request_stop()
    return run.wait().state


def supervisor_of(run: Run) -> psutil.Process:
    wait_for(lambda: read_json(run.path / "supervisor.json").get("device"))  # its own word, not the launcher's
    return psutil.Process(read_json(run.path / "supervisor.json")["pid"])


def worker_of(run: Run) -> psutil.Process:
    wait_for(lambda: run.status().state == "running")
    wait_for(lambda: supervisor_of(run).children())
    return supervisor_of(run).children()[0]


def place_of(run: Run) -> int | None:
    """1 for the run that starts next on its device; None for one that does not wait."""
    return queue_of(read_json(run.path / "supervisor.json").get("device", "")).place(run.id)


def family_of(run: Run, members: int) -> list[psutil.Process]:
    """The worker and everything below it, once there are so many."""
    wait_for(lambda: len(supervisor_of(run).children(recursive=True)) == members)
    return supervisor_of(run).children(recursive=True)


def notes_of(run: Run) -> list[str]:
    return [event["message"] for event in run.events() if event["kind"] == "note"]


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def run() -> Run:
    return create_run("plan")


@pytest.fixture
def two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose driver tells of two cards."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    write_program(program, "echo A card, GPU-a\necho A card, GPU-b\n")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine._gpus.cache_clear()
    yield
    machine._gpus.cache_clear()


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
    status = run.wait()
    assert (status.state, status.message, status.exit_code) == ("stopped", "Stopped at step 3.", 0)


def test_E01_a_signal_to_the_supervisor_is_a_graceful_stop(run: Run) -> None:
    submit(run, OBEY)
    worker_of(run)
    supervisor_of(run).send_signal(signal.SIGINT)
    assert run.wait().message == "Stopped at step 3."


def test_E01_a_signal_to_the_process_that_was_launched_reaches_the_supervisor(run: Run) -> None:
    submit(run, OBEY)
    worker_of(run)
    supervisor_of(run).parent().terminate()
    assert run.wait().message == "Stopped at step 3."


def test_E02_workers_in_sessions_of_their_own_stop_gracefully(run: Run) -> None:
    submit(run, launcher(OBEY, OBEY))
    family = family_of(run, 3)
    assert len({os.getsid(process.pid) for process in family}) == 3
    assert stop(run) == "stopped"
    assert run.status().message == "Stopped at step 3."
    assert all(map(gone, family))


def test_E02_workers_that_do_not_stop_are_gone_after_a_stop(run: Run) -> None:
    submit(run, launcher(DEAF, SLEEP), grace_seconds=0.2)
    family = family_of(run, 3)
    assert stop(run) == "stopped"
    assert "by force" in run.status().message
    assert all(map(gone, family))


def test_E02_a_killed_launcher_leaves_no_worker(run: Run) -> None:
    submit(run, launcher(SLEEP, SLEEP))
    family = family_of(run, 3)
    worker_of(run).kill()
    status = run.wait()
    assert (status.state, status.exit_code) == ("failed", -9)
    assert all(map(gone, family))


def test_E02_a_killed_supervisor_leaves_no_worker(run: Run) -> None:
    submit(run, launcher(SLEEP, SLEEP))
    family = family_of(run, 3)
    supervisor_of(run).kill()
    wait_for(lambda: all(map(gone, family)))
    wait_for(lambda: run.status().state == "lost")
    device = DeviceLock("cpu")
    wait_for(device.try_acquire)
    device.release()


def test_E02_the_run_outlives_the_process_that_guards_its_supervisor(run: Run) -> None:
    submit(run, launcher(OBEY, OBEY))
    family = family_of(run, 3)
    guard = supervisor_of(run).parent()
    guard.kill()
    wait_for(lambda: gone(guard))
    assert stop(run) == "stopped"
    assert run.status().message == "Stopped at step 3."
    assert all(map(gone, family))


def test_E03_a_worker_that_ignores_everything_is_gone_after_the_grace_time(run: Run) -> None:
    code = f"""
import subprocess, sys, time
deaf = {DEAF!r}
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
orphan = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True)"
subprocess.run([sys.executable, "-c", orphan, deaf])
exec(deaf)
"""
    submit(run, code, grace_seconds=0.2)
    family = family_of(run, 3)
    time.sleep(0.3)
    run.request_stop()
    status = run.wait()
    assert status.state == "stopped"
    assert "by force" in status.message
    assert status.exit_code == -9
    wait_for(lambda: all(map(gone, family)))


def test_E03_a_worker_that_must_finish_is_let_finish_though_it_takes_longer_than_the_grace_time(run: Run) -> None:
    code = """
worker.end()
while not (pathlib.Path(sys.argv[1]) / "STOP").exists(): time.sleep(0.05)
time.sleep(2)
(pathlib.Path(sys.argv[1]) / "outcome.json").write_text('{"state": "finished"}')
"""
    submit(run, BEAT + code, grace_seconds=0.2)
    wait_for(lambda: read_json(run.path / "beats" / "rank-0").get("ending"))
    time.sleep(1.5)  # until the supervisor has heard of it
    assert stop(run) == "finished"
    assert run.status().exit_code == 0


@pytest.mark.parametrize(("state", "words"), [("finished", ""), ("stopped", "Stopped at step 7.")])
def test_E03_what_a_worker_said_last_stands_when_it_hangs_and_is_ended_by_force(
    run: Run, state: str, words: str
) -> None:
    outcome = f'{{"state": "{state}", "message": "{words}"}}'
    code = f"import pathlib, sys; pathlib.Path(sys.argv[1], 'outcome.json').write_text({outcome!r}); {DEAF}"
    submit(run, code, grace_seconds=0.2)
    wait_for(lambda: read_json(run.path / "outcome.json"))
    run.request_stop()
    status = run.wait()
    assert (status.state, status.message) == (state, words)


def test_E03_what_a_finished_worker_left_running_is_swept_up(run: Run) -> None:
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"
    submit(run, f"{code}; import time; time.sleep(0.5)")
    family = family_of(run, 2)
    run.wait()
    wait_for(lambda: all(map(gone, family)))


def test_E04_a_killed_supervisor_is_lost_leaves_no_orphan_and_frees_the_device(run: Run) -> None:
    code = (
        "import os, time; from core.runs.process import die_with_parent;"
        "die_with_parent(int(os.environ['BERTLAB_SUPERVISOR'])); time.sleep(600)"
    )
    submit(run, code)
    worker = worker_of(run)
    time.sleep(0.5)  # until it has asked to die with its parent
    supervisor_of(run).kill()
    wait_for(lambda: gone(worker))
    wait_for(lambda: run.status().state == "lost")
    assert "resume" in run.status().remedy.lower()
    wait_for(DeviceLock("cpu").try_acquire)


def test_E04_a_supervisor_killed_while_it_waits_gives_up_its_place(run: Run) -> None:
    device = DeviceLock("cpu")
    assert device.try_acquire()
    second = create_run("plan")
    submit(run, SLEEP)
    wait_for(lambda: place_of(run) == 1)
    submit(second, OBEY)
    wait_for(lambda: place_of(second) == 2)
    supervisor_of(run).kill()
    wait_for(lambda: run.status().state == "lost")
    assert (place_of(run), place_of(second)) == (None, 1)
    device.release()
    wait_for(lambda: second.status().state == "running")
    assert stop(second) == "stopped"


def test_E05_a_reused_number_is_not_taken_for_the_run_and_not_harmed(run: Run) -> None:
    write_status(run.path, "running")
    known = {**identity(os.getpid()), "heartbeat": time.time()}
    write_json(run.path / "supervisor.json", known)
    assert run.status().state == "running"
    write_json(run.path / "supervisor.json", {**known, "create_time": known["create_time"] - 100})
    assert run.status().state == "lost"
    run.request_stop()  # touches nothing, signals nobody
    assert not (run.path / "STOP").exists()


def test_E05_a_stranger_with_the_number_of_the_supervisor_lives_on(run: Run) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as stranger:
        write_status(run.path, "running")
        known = identity(stranger.pid)
        beat = {**known, "create_time": known["create_time"] - 100, "heartbeat": time.time(), "device": "cpu"}
        write_json(run.path / "supervisor.json", beat)
        assert run.status().state == "lost"
        submit(run, OBEY)  # it can be resumed, stopped and deleted like any other
        wait_for(lambda: run.status().state == "running")
        assert stop(run) == "stopped"
        delete_run(run)
        assert stranger.poll() is None
        stranger.kill()


def test_E05_after_a_reboot_nobody_waits_or_holds_a_device() -> None:
    before = DeviceLock("cpu", run="before"), DeviceLock("cpu", run="waiting")
    assert before[0].try_acquire()
    folder = before[0]._ticket_path.parent.parent
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for lock in before:
        lock.release()
    for path, content in files.items():  # as the kernel leaves them: there, and locked by nobody
        path.write_bytes(content)
    assert len(files) == 3
    assert queue_of("cpu").waiting == queue_of("cpu").holding == ()
    after = DeviceLock("cpu")
    assert after.try_acquire()
    after.release()


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
    second.wait()


def test_E06_two_cards_train_two_runs_side_by_side_while_a_third_waits(two_cards: None) -> None:
    runs = [create_run("plan") for _ in range(3)]
    for run in runs:
        submit(run, f"import os; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); {OBEY}", device="cuda")
        wait_for(lambda run=run: place_of(run) or run.status().state == "running")
    first, second, third = runs
    wait_for(lambda: first.log_tail() and second.log_tail())
    assert (first.log_tail(), second.log_tail()) == ("0", "1")
    time.sleep(0.5)
    assert third.status().state == "queued"
    assert [ticket.run for ticket in queue_of("cuda").holding] == [first.id, second.id]
    assert place_of(third) == 1
    assert stop(second) == "stopped"
    wait_for(lambda: third.log_tail() == "1")
    assert stop(first) == stop(third) == "stopped"


def test_E06_a_run_that_wants_both_cards_is_not_overtaken(two_cards: None) -> None:
    small, big, late = (create_run("plan") for _ in range(3))
    code = f"import os; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); {OBEY}"
    submit(small, code, device="cuda")
    wait_for(lambda: small.status().state == "running")
    submit(big, code, device="cuda", count=2)
    wait_for(lambda: place_of(big) == 1)
    submit(late, code, device="cuda")
    wait_for(lambda: place_of(late) == 2)
    time.sleep(0.5)  # a card is free all the while
    assert [run.status().state for run in (small, big, late)] == ["running", "queued", "queued"]
    assert [(ticket.run, ticket.count) for ticket in queue_of("cuda").waiting] == [(big.id, 2), (late.id, 1)]
    assert stop(small) == "stopped"
    wait_for(lambda: big.log_tail() == "0,1")
    wait_for(lambda: read_json(big.path / "supervisor.json")["slots"] == ["0", "1"])
    assert (place_of(big), place_of(late)) == (None, 1)
    assert stop(big) == "stopped"
    wait_for(lambda: late.log_tail() == "0")
    assert stop(late) == "stopped"


def test_E06_cards_of_a_killed_supervisor_are_free(two_cards: None) -> None:
    first, second = create_run("plan"), create_run("plan")
    submit(first, OBEY, device="cuda", count=2)
    wait_for(lambda: first.status().state == "running")
    submit(second, OBEY, device="cuda", count=2)
    wait_for(lambda: place_of(second) == 1)
    supervisor_of(first).kill()
    wait_for(lambda: second.status().state == "running")
    assert first.status().state == "lost"
    assert [ticket.run for ticket in queue_of("cuda").holding] == [second.id]
    assert stop(second) == "stopped"


def test_E06_the_cards_given_to_the_app_are_those_given_to_its_runs(
    two_cards: None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(LabError, match=r"asks for 2 graphics cards, and this machine has 1"):
        submit(run, SLEEP, device="cuda", count=2)
    submit(run, "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", device="cuda")
    run.wait()
    assert run.log_tail() == "1"


@pytest.mark.parametrize(("device", "count", "visible"), [("cuda", 3, "0,1"), ("cuda", 1, ""), ("cpu", 2, "0,1")])
def test_E06_more_slots_than_there_are_is_refused_before_anything_starts(
    two_cards: None, run: Run, monkeypatch: pytest.MonkeyPatch, device: str, count: int, visible: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    before = sorted(run.path.iterdir())
    with pytest.raises(LabError) as caught:
        submit(run, SLEEP, device=device, count=count)
    assert caught.value.remedy
    assert sorted(run.path.iterdir()) == before


def test_E06_a_run_that_waits_for_both_cards_is_stopped_and_deleted(two_cards: None) -> None:
    first, second = create_run("plan"), create_run("plan")
    submit(first, OBEY, device="cuda")
    wait_for(lambda: first.status().state == "running")
    submit(second, OBEY, device="cuda", count=2)
    wait_for(lambda: place_of(second) == 1)
    supervisor = supervisor_of(second)
    with pytest.raises(LabError, match="active"):
        delete_run(second)
    with pytest.raises(LabError, match="active"):
        submit(second, OBEY, device="cuda", count=2)
    assert stop(second) == "stopped"
    assert not (second.path / "STOP").exists()
    wait_for(lambda: gone(supervisor))
    assert queue_of("cuda").waiting == ()
    delete_run(second)
    assert (place_of(second), second.status().state) == (None, "lost")
    assert first.status().state == "running"
    assert stop(first) == "stopped"


def test_E06_a_queued_run_can_be_stopped(run: Run) -> None:
    device = DeviceLock("cpu")
    assert device.try_acquire()
    submit(run, SLEEP)
    supervisor_of(run)
    assert stop(run) == "stopped"
    device.release()


def test_E06_many_launches_at_once_start_a_run_once(run: Run) -> None:
    def launch(_: int) -> str:
        try:
            submit(run, f"print('started', flush=True); {OBEY}")
        except LabError:
            return "refused"
        return "launched"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(launch, range(8)))
    assert sorted(answers) == ["launched", *["refused"] * 7]
    wait_for(lambda: run.log_tail() == "started")
    assert stop(run) == "stopped"
    assert run.log_tail() == "started"


def test_E06_a_double_click_starts_a_run_once(run: Run) -> None:
    submit(run, OBEY)
    with pytest.raises(LabError, match="active"):
        submit(run, OBEY)
    worker_of(run)
    run.request_stop()
    assert run.wait().message == "Stopped at step 3."


def test_E08_killed_for_memory_is_named(run: Run) -> None:
    submit(run, "import os; os.kill(os.getpid(), 9)")
    status = run.wait()
    assert (status.state, status.exit_code) == ("failed", -9)
    assert "memory" in status.message
    assert "batch size" in status.remedy


def test_E08_a_worker_killed_for_memory_is_started_again_on_the_device_it_holds(run: Run) -> None:
    second = create_run("plan")
    code = """
import os, pathlib, signal, sys, time
attempt = int(os.environ["BERTLAB_ATTEMPT"])
print(attempt, time.time(), flush=True)
time.sleep(0.5)
if attempt < 2: os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path(sys.argv[1], "outcome.json").write_text('{"state": "finished"}')
"""
    submit(run, code, attempts=3)
    worker_of(run)
    submit(second, "import time; print(time.time())")
    status = run.wait()
    assert (status.state, status.message, status.exit_code) == ("finished", "", 0)
    attempts = [line.split() for line in run.log_tail().splitlines()]
    assert [number for number, _ in attempts] == ["0", "1", "2"]
    assert [note[-19:] for note in notes_of(run)] == ["h (attempt 2 of 3).", "h (attempt 3 of 3)."]
    assert all("memory" in note and "smaller batch" in note for note in notes_of(run))
    second.wait()
    assert float(second.log_tail()) > float(attempts[-1][1])


def test_E08_a_worker_that_asks_for_it_is_started_again_and_the_last_word_names_cause_and_remedy(run: Run) -> None:
    code = """
import json, pathlib, sys
print("started")
outcome = {"state": "failed", "message": "The card ran out of memory.", "remedy": "Choose shorter texts."}
outcome["again"] = True
pathlib.Path(sys.argv[1], "outcome.json").write_text(json.dumps(outcome))
sys.exit(1)
"""
    submit(run, code, attempts=2)
    status = run.wait()
    assert (status.state, status.exit_code, status.remedy) == ("failed", 1, "Choose shorter texts.")
    assert status.message == "The card ran out of memory. It was tried 2 times, with ever smaller batches."
    assert run.log_tail() == "started\nstarted"
    assert notes_of(run) == ["The training ran out of memory. It starts again with a smaller batch (attempt 2 of 2)."]


def test_E08_what_a_killed_worker_left_is_gone_before_the_next_attempt(run: Run) -> None:
    code = f"""
import os, pathlib, psutil, signal, subprocess, sys
log = pathlib.Path(sys.argv[1], "train.log")
if os.environ["BERTLAB_ATTEMPT"] == "0":
    print(subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True).pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
print(psutil.pid_exists(int(log.read_text())))
"""
    submit(run, code, attempts=2)
    run.wait()
    assert run.log_tail().splitlines()[1:] == ["False"]


def test_E08_killed_at_every_attempt_is_named_in_the_end(run: Run) -> None:
    submit(run, "import os; print(os.environ['BERTLAB_ATTEMPT'], flush=True); os.kill(os.getpid(), 9)", attempts=2)
    status = run.wait()
    assert (status.state, status.exit_code) == ("failed", -9)
    assert "memory" in status.message
    assert "2 times" in status.message
    assert "batch size" in status.remedy
    assert run.log_tail() == "0\n1"


FAILED = """pathlib.Path(sys.argv[1], "outcome.json").write_text('{"state": "failed"}'); os.kill(os.getpid(), 9)"""


@pytest.mark.parametrize("end", ["sys.exit(7)", "os.kill(os.getpid(), 15)", FAILED])
def test_E08_other_failures_are_not_tried_again(run: Run, end: str) -> None:
    submit(run, f"import os, pathlib, sys; print('started', flush=True); {end}", attempts=3)
    assert run.wait().state == "failed"
    assert run.log_tail() == "started"
    assert notes_of(run) == []


def test_E08_a_stop_ends_the_retrying(run: Run) -> None:
    code = "import os, pathlib, sys; print('started', flush=True); pathlib.Path(sys.argv[1], 'STOP').touch()"
    submit(run, f"{code}; os.kill(os.getpid(), 9)", attempts=3)
    status = run.wait()
    assert status.state == "failed"
    assert "memory" in status.message
    assert run.log_tail() == "started"
    assert not (run.path / "STOP").exists()


def test_E08_a_stop_during_the_second_attempt_stops_it(run: Run) -> None:
    code = "import os, sys; os.environ['BERTLAB_ATTEMPT'] == '0' and os.kill(os.getpid(), 9)"
    submit(run, f"{code}; print('second', flush=True); {OBEY}", attempts=3)
    wait_for(lambda: run.log_tail() == "second")
    assert stop(run) == "stopped"
    assert run.status().message == "Stopped at step 3."


def test_E03_E08_a_stopped_worker_ended_by_force_is_not_taken_for_one_without_memory(run: Run) -> None:
    submit(run, f"print('started', flush=True); {STOP_ITSELF}", grace_seconds=0.2, attempts=3)
    wait_for(lambda: worker_of(run).status() == psutil.STATUS_STOPPED)
    worker = worker_of(run)
    assert stop(run) == "stopped"
    assert (run.status().exit_code, run.log_tail()) == (-9, "started")
    assert "by force" in run.status().message
    assert gone(worker)


def test_E09_a_supervisor_that_hangs_is_stalled_until_it_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.status.STALLED_AFTER_SECONDS", 3.0)
    submit(run, OBEY)
    worker_of(run)
    supervisor_of(run).suspend()
    wait_for(lambda: run.status().state == "stalled")
    with pytest.raises(LabError, match="active"):
        submit(run, OBEY)
    with pytest.raises(LabError, match="active"):
        delete_run(run)
    supervisor_of(run).resume()
    wait_for(lambda: run.status().state == "running")
    assert stop(run) == "stopped"


def test_E09_a_paused_supervisor_is_woken_by_a_stop(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.runs.status.STALLED_AFTER_SECONDS", 3.0)
    submit(run, OBEY)
    worker_of(run)
    supervisor_of(run).suspend()
    wait_for(lambda: run.status().state == "stalled")
    assert "kill -CONT" in run.status().remedy
    assert stop(run) == "stopped"
    assert run.status().message == "Stopped at step 3."


def test_E09_a_frozen_worker_is_stalled_until_it_goes_on(run: Run) -> None:
    submit(run, BEAT + OBEY, silent_seconds=2.0)
    worker = worker_of(run)
    wait_for(lambda: (run.path / "beats" / "rank-0").exists())
    time.sleep(2.5)
    assert run.status().state == "running"
    worker.suspend()
    wait_for(lambda: run.status().state == "stalled")
    status = run.status()
    assert f"process id {worker.pid}" in status.message
    assert "kill -CONT" in status.remedy
    assert status.is_active
    with pytest.raises(LabError, match="active"):
        delete_run(run)
    worker.resume()
    wait_for(lambda: run.status().state == "running")
    assert stop(run) == "stopped"


def test_E09_a_worker_frozen_before_its_first_sign_is_stalled(run: Run) -> None:
    submit(run, STOP_ITSELF, silent_seconds=0.5, grace_seconds=0.2)
    wait_for(lambda: run.status().state == "stalled")
    assert "no sign of life" in run.status().message
    assert stop(run) == "stopped"


def test_E09_a_stop_wakes_a_frozen_worker_so_that_it_heeds_it(run: Run) -> None:
    submit(run, BEAT + OBEY, silent_seconds=0.5)
    worker = worker_of(run)
    wait_for(lambda: (run.path / "beats" / "rank-0").exists())
    worker.suspend()
    wait_for(lambda: run.status().state == "stalled")
    assert stop(run) == "stopped"
    assert (run.status().message, run.status().exit_code) == ("Stopped at step 3.", 0)


def test_E09_a_frozen_worker_that_does_not_wake_is_gone_after_the_grace_time_though_it_was_ending(run: Run) -> None:
    submit(run, f"{BEAT}\nworker.end()\ntime.sleep(1)\n{STOP_ITSELF}", silent_seconds=0.5, grace_seconds=1.5)
    wait_for(lambda: run.status().state == "stalled")
    run.request_stop()
    wait_for(lambda: run.status().state == "stopping")
    assert run.wait().state == "stopped"
    assert "by force" in run.status().message


def test_E09_of_two_processes_the_frozen_one_is_named(run: Run) -> None:
    second = BEAT.replace("rank-0", "rank-1")
    submit(run, launcher(BEAT + OBEY, second + OBEY), silent_seconds=1.0)
    wait_for(lambda: (run.path / "beats" / "rank-1").exists())
    frozen = psutil.Process(json.loads((run.path / "beats" / "rank-1").read_text())["pid"])
    frozen.suspend()
    wait_for(lambda: run.status().state == "stalled")
    assert f"number 2 (process id {frozen.pid})" in run.status().message
    assert stop(run) == "stopped"
    assert gone(frozen)


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


def test_E10_a_run_deleted_meanwhile_is_not_started_and_one_being_started_not_deleted(run: Run) -> None:
    write_status(run.path, "stopped")
    held = try_lock_file(run.path / "launch.lock")
    with pytest.raises(LabError, match="being started"):
        delete_run(run)
    os.close(held)
    delete_run(run)
    with pytest.raises(LabError, match="deleted"):
        submit(run, SLEEP)
    assert not run.path.exists()


def test_E10_a_folder_deleted_during_the_run_ends_it(run: Run) -> None:
    submit(run, SLEEP)
    worker, supervisor = worker_of(run), supervisor_of(run)
    run.path.rename(run.path.with_name(".removing"))
    wait_for(lambda: gone(worker) and gone(supervisor))
    assert not run.path.exists()


def test_E10_a_folder_deleted_while_the_run_waits_gives_up_its_place(run: Run) -> None:
    device = DeviceLock("cpu")
    assert device.try_acquire()
    submit(run, SLEEP)
    wait_for(lambda: place_of(run) == 1)
    supervisor = supervisor_of(run)
    run.path.rename(run.path.with_name(".removing"))
    wait_for(lambda: gone(supervisor))
    assert queue_of("cpu").waiting == ()
    assert not run.path.exists()
    device.release()


def test_E10_a_line_torn_by_a_killed_worker_costs_no_other(run: Run) -> None:
    code = """
import os, pathlib, sys
with pathlib.Path(sys.argv[1], "events.jsonl").open("a") as events: events.write('{"kind": "tr')
os.kill(os.getpid(), 9)
"""
    submit(run, code, attempts=2)
    assert run.wait().state == "failed"
    assert [note[-17:] for note in notes_of(run)] == ["(attempt 2 of 2)."]
    assert len(run.events()) == 1


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
