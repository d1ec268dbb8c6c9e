"""Runs on SLURM: on a real cluster of two nodes where it is installed, and by SLURM's words everywhere."""

import dataclasses
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import LabError
from core.runs import slurm_queue, slurm_status, status
from core.runs.executors import LocalExecutor
from core.runs.folder import STOP, Run, create_run
from core.runs.slurm import SlurmExecutor, SlurmOptions
from core.runs.slurm_queue import job_state
from core.runs.status import SLURM, Status, read_json, write_json, write_status
from core.training.plan.plan import Plan
from core.workspace import PROJECT_ROOT
from tests.programs import write_program
from tests.slurm_cluster import slurm, slurm_cluster  # noqa: F401
from tests.tiny_training import same_weights, tiny_plan  # noqa: F401
from tests.waiting import wait_for

OBEY = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
print("started", flush=True)
while not (folder / "STOP").exists(): time.sleep(0.05)
(folder / "outcome.json").write_text('{"state": "stopped", "message": "Stopped at step 3."}')
"""
FINISH = """
import json, os, pathlib, socket, sys
folder = pathlib.Path(sys.argv[1])
names = ("SLURM_NNODES", "SLURM_NODEID", "BERTLAB_SUPERVISOR", "BERTLAB_WORKSPACE")
(folder / f"node-{os.environ['SLURM_NODEID']}.json").write_text(json.dumps({n: os.environ.get(n) for n in names}))
if os.environ["SLURM_NODEID"] == "0":
    (folder / "outcome.json").write_text('{"state": "finished"}')
"""
COUNT = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
saved = folder / "saved"
step = int(saved.read_text()) if saved.exists() else 0
print("goes on after", step, flush=True)
while step < 100 and not (folder / "STOP").exists():
    step += 1
    with (folder / "steps").open("a") as file: print(step, file=file)
    time.sleep(0.1)
saved.write_text(str(step))
state = "finished" if step == 100 else "stopped"
(folder / "outcome.json").write_text('{"state": "%s", "message": "Step %d."}' % (state, step))
"""
ELSEWHERE = {"pid": 1, "create_time": 0.0, "boot": "of another machine"}


def submit(run: Run, code: str, **options: object) -> str:
    """Submit a small program in place of the worker; the number of the job."""
    SlurmExecutor(SlurmOptions(**options), grace_seconds=10.0).submit(run, [sys.executable, "-c", code, str(run.path)])
    return job_of(run)


def job_of(run: Run) -> str:
    return read_json(run.path / SLURM)["job"]


@pytest.fixture
def run() -> Run:
    return create_run("plan")


@pytest.fixture
def cluster(slurm_cluster: Path) -> Iterator[Path]:  # noqa: F811
    """The cluster, without jobs of other tests."""
    yield slurm_cluster
    slurm("scancel", "--user=root", "--state=PENDING")
    slurm("scancel", "--user=root", "--full", "--signal=KILL")
    wait_for(lambda: not slurm("squeue", "--noheader"))


def test_submit_on_two_nodes_and_finish(cluster: Path, run: Run, workspace: Path) -> None:
    submit(run, FINISH, nodes=2, time_limit_minutes=5, memory="100MB", further={"comment": "it's a test"})
    with pytest.raises(LabError, match="active"):
        submit(run, FINISH)
    ended = run.wait()
    assert (ended.state, ended.exit_code) == ("finished", 0)
    wait_for((run.path / "node-1.json").exists)
    first, second = (json.loads((run.path / f"node-{i}.json").read_text()) for i in (0, 1))
    assert (first["SLURM_NNODES"], second["SLURM_NODEID"]) == ("2", "1")
    assert first["BERTLAB_SUPERVISOR"]
    assert second["BERTLAB_SUPERVISOR"] is None
    assert {first["BERTLAB_WORKSPACE"], second["BERTLAB_WORKSPACE"]} == {str(workspace)}
    wait_for(lambda: job_state(job_of(run), now=True) == "COMPLETED")


def test_a_failure_is_told_by_the_run_and_by_slurm(cluster: Path, run: Run) -> None:
    job = submit(run, "raise SystemExit(7)")
    ended = run.wait()
    assert (ended.state, ended.exit_code) == ("failed", 7)
    wait_for(lambda: job_state(job, now=True) == "FAILED")


def test_what_slurm_refuses_is_told_in_its_words(cluster: Path, run: Run) -> None:
    with pytest.raises(LabError, match="partition"):
        submit(run, FINISH, partition="none")
    assert run.status().state == "failed"
    assert "partition" in run.status().message


INTERRUPTIONS = {  # "preemption" needs the node of the job
    "preemption": "sbatch --partition=urgent --nodelist=one --output=/dev/null --wrap=true",
    "time limit": "scancel --signal=USR2 {job}",  # what SLURM sends ahead of it
    "requeue": "scontrol requeue {job}",
}


class Watch(threading.Thread):
    """Waits for a run's end as a person would, in the background: `states` seen, and the `last` status."""

    def __init__(self, run: Run) -> None:
        super().__init__(daemon=True)
        self.states: set[str] = set()
        self.last: Status | None = None
        self._run = run

    def run(self) -> None:
        self.last = self._run.wait(on_change=lambda now: self.states.add(now.state))


def interrupt(run: Run, kind: str, *, life: int) -> None:
    """Let SLURM interrupt the run, for the `life`-th time, and see it in the queue again."""
    slurm(*INTERRUPTIONS[kind].format(job=job_of(run)).split())
    wait_for(lambda: slurm_queue.restarts_of(job_of(run)) == life)
    wait_for(lambda: run.status().state == "queued", 20)


def test_interrupted_in_three_ways_a_run_goes_on_where_it_was(cluster: Path, run: Run) -> None:
    watch = Watch(run)
    submit(run, COUNT)
    watch.start()
    for life, kind in enumerate(INTERRUPTIONS, 1):
        wait_for(lambda expected=life: run.log_tail().count("goes on") == expected)
        time.sleep(1)
        interrupt(run, kind, life=life)
    watch.join(120)
    assert watch.last.state == "finished"
    assert watch.states <= {"queued", "running", "stopping", "finished"}
    assert [int(line) for line in (run.path / "steps").read_text().split()] == list(range(1, 101))
    assert run.log_tail().count("goes on") == 4


@pytest.mark.parametrize(
    "kinds", [["preemption"], pytest.param(list(INTERRUPTIONS), marks=pytest.mark.slow)], ids=["preempted", "all"]
)
def test_D06_an_interrupted_training_ends_with_the_weights_of_an_undisturbed_one(
    cluster: Path, plan: Plan, kinds: list[str]
) -> None:
    plan = dataclasses.replace(plan, epochs=60.0, checkpoint_seconds=86400.0)
    run, reference = (create_run(plan.to_yaml(), name=plan.name) for _ in range(2))
    worker = [sys.executable, "-m", "core.training.run.worker"]
    SlurmExecutor(SlurmOptions(time_limit_minutes=30), grace_seconds=30.0).submit(run, [*worker, str(run.path)])
    watch = Watch(run)
    watch.start()
    steps = [0]
    for life, kind in enumerate(kinds, 1):
        wait_for(lambda: run.status().state == "running" and run.status().step > steps[-1], 200)
        interrupt(run, kind, life=life)
        steps.append(run.status().step)
    subprocess.run([*worker, str(reference.path)], cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL, check=True)
    watch.join(300)
    assert watch.last.state == "finished"
    assert watch.states <= {"queued", "running", "stopping", "stalled", "finished"}
    assert steps == sorted(set(steps))
    assert watch.last.step == watch.last.total_steps == Run(reference.path).status().step
    assert same_weights(run, reference)


@pytest.mark.slow
def test_D06_a_training_on_two_nodes_goes_on_exactly(cluster: Path, plan: Plan) -> None:
    plan = dataclasses.replace(plan, processes=2, epochs=20.0, checkpoint_seconds=86400.0)
    runs = [create_run(plan.to_yaml(), name=plan.name) for _ in range(2)]
    for run in runs:
        command = [sys.executable, "-m", "core.training.run.launcher", str(run.path), "2"]
        SlurmExecutor(SlurmOptions(nodes=2, time_limit_minutes=30)).submit(run, command)
        watch = Watch(run)
        watch.start()
        if run == runs[0]:
            wait_for(lambda: runs[0].status().step > 0, 200)
            interrupt(runs[0], "time limit", life=1)
        watch.join(300)
        assert watch.last.state == "finished"
    assert same_weights(*runs)


def test_a_run_interrupted_too_often_is_stopped(cluster: Path, run: Run) -> None:
    job = submit(run, OBEY, requeues=0)
    wait_for(lambda: run.log_tail() == "started")
    slurm("scancel", "--signal=USR2", job)
    ended = run.wait()
    assert ended.state == "stopped"
    assert ended.message == "SLURM interrupted it once more than it may be queued again. Stopped at step 3."
    wait_for(lambda: job_state(job, now=True) == "COMPLETED")


def test_stop_while_running_is_for_good(cluster: Path, run: Run) -> None:
    job = submit(run, OBEY)
    wait_for(lambda: run.log_tail() == "started")
    run.request_stop()
    ended = run.wait()
    assert (ended.state, ended.message, ended.exit_code) == ("stopped", "Stopped at step 3.", 0)
    wait_for(lambda: job_state(job, now=True) == "COMPLETED")
    assert run.status().state == "stopped"


def test_stop_while_pending_takes_the_job_out_of_the_queue(cluster: Path, run: Run) -> None:
    job = submit(run, OBEY, further={"hold": ""})
    wait_for(lambda: job in run.status().message)
    assert run.status().state == "queued"
    run.request_stop()
    wait_for(lambda: run.status().state == "stopped")  # nobody waits for SLURM while it takes the job out
    assert "queue" in run.status().message
    assert job_state(job, now=True) == "CANCELLED"
    assert run.log_tail() == ""


def test_the_reason_to_wait_is_told(cluster: Path, run: Run) -> None:
    submit(run, OBEY, partition="urgent", time_limit_minutes=120)
    wait_for(lambda: "PartitionTimeLimit" in run.status().message, 20)
    assert run.status().state == "queued"


def test_a_stop_that_meets_the_start_of_the_job_is_obeyed(cluster: Path, run: Run) -> None:
    job = submit(run, OBEY, further={"hold": ""})
    (run.path / STOP).touch()
    slurm("scontrol", "release", job)
    assert run.wait().state == "stopped"
    wait_for(lambda: job_state(job, now=True) == "COMPLETED")
    assert run.log_tail() == ""


def test_a_job_cancelled_from_outside_saves_its_state_and_is_stopped(cluster: Path, run: Run) -> None:
    job = submit(run, OBEY)
    wait_for(lambda: run.log_tail() == "started")
    slurm("scancel", job)
    ended = run.wait()
    assert ended.state == "stopped"
    assert "cancelled" in ended.message
    assert "Stopped at step 3." in ended.message
    assert "Resume" in ended.remedy
    wait_for(lambda: job_state(job, now=True) == "CANCELLED")
    assert run.status().state == "stopped"


def test_a_waiting_job_cancelled_from_outside_is_stopped(cluster: Path, run: Run) -> None:
    slurm("scancel", submit(run, OBEY, further={"hold": ""}))
    ended = run.wait()
    assert (ended.state, ended.message) == ("stopped", "The SLURM job was cancelled.")


def test_E04_a_killed_job_is_never_running_for_long(cluster: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "STALLED_AFTER_SECONDS", 3.0)
    job = submit(run, OBEY)
    wait_for(lambda: run.log_tail() == "started")
    assert run.status().state == "running"
    supervisor = psutil.Process(read_json(run.path / "supervisor.json")["pid"])
    (stand_in,) = supervisor.children()  # which does not die with its parent, as the real worker does
    for process in (supervisor.parent().parent(), supervisor.parent(), supervisor):  # the job's task, the guard, itself
        process.kill()
    stand_in.kill()
    wait_for(lambda: run.status().state not in ("running", "stalled"), 20)
    assert run.status().state == "failed"
    assert run.status().remedy
    wait_for(lambda: job_state(job, now=True) == "FAILED")


def test_without_slurm_it_is_said_and_nothing_is_left_behind(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(run.path))
    before = sorted(run.path.iterdir())
    with pytest.raises(LabError, match="no program “sbatch”") as caught:
        SlurmExecutor().submit(run, ["true"])
    assert caught.value.remedy
    assert sorted(run.path.iterdir()) == before


@pytest.mark.parametrize(
    "options",
    [
        {"nodes": 0}, {"gpus_per_node": -1}, {"cpus_per_task": 0}, {"time_limit_minutes": 0}, {"requeues": -1},
        {"memory": "much"}, {"partition": "a b"}, {"account": "a\nb"}, {"further": {"--qos": "long"}},
        {"further": {"qos": "long\nrm -r x"}}, {"further": {"Qos": "long"}},
    ],
)  # fmt: skip
def test_options_that_slurm_cannot_mean_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(LabError):
        SlurmOptions(**options)


def elsewhere(run: Run, state: str, *, silent_seconds: float, **marks: object) -> Status:
    """The status of a run whose supervisor is on a node of a cluster and was last heard of so long ago."""
    write_status(run.path, state)
    write_json(run.path / "supervisor.json", {**ELSEWHERE, "heartbeat": time.time() - silent_seconds})
    write_json(run.path / SLURM, {"job": "12", "interrupted": False, **marks})
    return run.status()


@pytest.mark.parametrize(
    ("word", "queued", "running"),
    [
        ("PENDING", "queued", "queued"), ("CONFIGURING", "queued", "queued"), ("RUNNING", "queued", "stalled"),
        ("COMPLETING", "queued", "stalled"), (None, "queued", "stalled"), ("CANCELLED", "stopped", "stopped"),
        ("TIMEOUT", "stopped", "stopped"), ("FAILED", "failed", "failed"), ("OUT_OF_MEMORY", "failed", "failed"),
        ("NODE_FAIL", "failed", "failed"), ("COMPLETED", "lost", "lost"), ("UNKNOWN", "lost", "lost"),
        ("A_NEW_WORD", "lost", "lost"),
    ],
)  # fmt: skip
def test_a_silent_run_is_judged_by_the_word_of_slurm(
    run: Run, monkeypatch: pytest.MonkeyPatch, word: str | None, queued: str, running: str
) -> None:
    monkeypatch.setattr(slurm_status, "job_state", lambda job: word)
    for record, expected in (("queued", queued), ("running", running), ("stopping", running)):
        found = elsewhere(run, record, silent_seconds=60)
        assert found.state == expected
        assert found.message
        assert bool(found.remedy) == (expected in (*status.ENDED, "stalled"))
    for ended in ("finished", "failed", "stopped"):
        assert elsewhere(run, ended, silent_seconds=60).state == ended


def test_a_fresh_heartbeat_needs_no_question(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_status, "job_state", lambda job: pytest.fail("asked"))
    for record in ("queued", "running", "stopping"):
        assert elsewhere(run, record, silent_seconds=1).state == record
    for record, expected in (("stopping", "queued"), ("stopped", "queued"), ("failed", "queued"), ("finished",) * 2):
        assert elsewhere(run, record, silent_seconds=1, interrupted=True).state == expected
    (run.path / STOP).touch()
    assert elsewhere(run, "running", silent_seconds=1).state == "stopping"


def test_an_interrupted_job_that_was_cancelled_before_it_was_settled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_status, "job_state", lambda job: "CANCELLED")
    (run.path / STOP).touch()  # by the supervisor
    for record in ("running", "stopping", "stopped"):
        found = elsewhere(run, record, silent_seconds=60, interrupted=True)
        assert (found.state, found.message) == ("stopped", "The SLURM job was cancelled.")


def test_a_run_that_goes_on_here_is_no_longer_judged_by_slurm(run: Run) -> None:
    elsewhere(run, "stopped", silent_seconds=60)
    LocalExecutor().submit(run, [sys.executable, "-c", OBEY, str(run.path)], device="cpu")
    wait_for(lambda: run.status().state == "running")
    run.request_stop()
    assert run.wait().message == "Stopped at step 3."
    assert not (run.path / SLURM).exists()


def test_slurm_is_asked_seldom_and_never_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, squeue = tmp_path / "calls", tmp_path / "squeue"
    write_program(squeue, f'echo "$*" >> {calls}\necho "901 PENDING"\n')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "none"))
    monkeypatch.setattr(slurm_queue, "_WAIT_SECONDS", 30.0)
    assert [job_state("901") for _ in range(50)] == ["PENDING"] * 50
    assert len(calls.read_text().splitlines()) == 1
    wait_for(lambda: not [each for each in threading.enumerate() if each.name == "ask-slurm"])  # it runs the file
    squeue.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(slurm_queue, "_TIMEOUT_SECONDS", 0.2)
    began = time.monotonic()
    assert job_state("901", now=True) is None
    assert [job_state("901") for _ in range(50)] == [None] * 50
    assert time.monotonic() - began < 5
    assert job_state("--help") == "UNKNOWN"


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SLURM whose programs answer only once the file `go` is there; `calls` tells which were called."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, answer in (("squeue", 'echo "902 PENDING Priority"'), ("sacct", "true"), ("scancel", "true")):
        lines = (f"echo {name} >> {tmp_path}/calls", f"while [ ! -e {tmp_path}/go ]; do sleep 0.1; done", answer)
        write_program(programs / name, "\n".join(lines) + "\n")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(slurm_queue, "_TIMEOUT_SECONDS", 30.0)
    monkeypatch.setattr(slurm_queue, "_last", None)
    monkeypatch.setattr(slurm_queue, "_answers", {})
    monkeypatch.setattr(slurm_queue, "_wanted", {})
    yield tmp_path
    (tmp_path / "go").touch()
    wait_for(lambda: not [each for each in threading.enumerate() if each.name in ("ask-slurm", "cancel-job")])


def test_I04_a_hanging_slurm_keeps_nobody_waiting(hanging: Path, run: Run) -> None:
    """Twenty pages ask for five jobs: all together wait half a second, and one question is under way."""
    began = time.monotonic()
    pages = [threading.Thread(target=lambda: [job_state(str(900 + job)) for job in range(5)]) for _ in range(20)]
    for page in pages:
        page.start()
    for page in pages:
        page.join()
    assert time.monotonic() - began < 5
    assert (hanging / "calls").read_text().split() == ["squeue"]
    write_status(run.path, "queued")
    write_json(run.path / SLURM, {"job": "902"})
    began = time.monotonic()
    assert run.status().state == "queued"
    run.request_stop()
    assert slurm_queue.pending_reason("902") == ""
    assert time.monotonic() - began < 2
    wait_for(lambda: "scancel" in (hanging / "calls").read_text())
    (hanging / "go").touch()
    wait_for(lambda: job_state("902") == "PENDING")
    assert slurm_queue.pending_reason("902") == "Priority"


def test_I04_while_slurm_hangs_the_last_known_answer_is_given(hanging: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (hanging / "go").touch()
    wait_for(lambda: job_state("902") == "PENDING")
    (hanging / "go").unlink()
    before = (hanging / "calls").read_text().count("squeue")
    monkeypatch.setattr(slurm_queue, "_ASK_AGAIN_SECONDS", 0.0)
    began = time.monotonic()
    assert [job_state("902") for _ in range(50)] == ["PENDING"] * 50
    assert time.monotonic() - began < 2
    wait_for(lambda: (hanging / "calls").read_text().count("squeue") > before)
    assert [job_state("902") for _ in range(50)] == ["PENDING"] * 50
    assert (hanging / "calls").read_text().count("squeue") == before + 1
