"""A few steps of a plan on random words, in a process of its own: how long one takes, and how much memory.

`start` returns at once, `measured` says how far it is. What was measured is kept in `workspace/probes` for each shape
of step, so that other epochs, rates or seeds need no probe of their own, and swept after a month. One probe is at work
at a time. When the memory runs out, or the time, only the probe ends. `python -m core.training.probe.probe FOLDER` is
that process.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from core.errors import LabError, first_line
from core.models import catalogue
from core.models.fingerprint import fingerprint
from core.runs.folder import list_runs
from core.runs.launch import environment
from core.runs.process import identity, is_alive
from core.runs.status import make_room, read_json, write_json, write_record
from core.training.estimate.estimate import Measured
from core.training.estimate.token_lengths import Lengths, Load, load_of
from core.training.forms.preflight import check_limits
from core.training.plan.plan import Plan
from core.workspace import PROJECT_ROOT, cannot_write, is_full, remove_folder, workspace, write_atomically

SECONDS = 180  # after which a probe ends itself
AGE_SECONDS = 30 * 86_400.0  # after which a measurement is swept: drivers and libraries change
_NOTHING_MEASURED = "nothing was measured"
_SMALLER = "Choose a smaller batch size, more accumulation or a smaller maximum length."
_RESULT, _PROCESS = "result.json", "process.json"
# What does not change a step: how many there are, at which rate, and what else stands around it.
_NOT_OF_A_STEP = (
    "data", "text_column", "label_column", "label_columns", "label_separator", "answer_start_column", "reading",
    "preparation", "test_data", "validation_data", "name", "epochs", "learning_rate", "scheduler", "warmup_share",
    "weight_decay", "class_weights", "label_smoothing", "early_stopping", "early_stopping_threshold", "seed",
    "evaluations_per_epoch", "checkpoint_seconds", "retry_on_memory", "window_overlap", "truncation", "lora_alpha",
    "choice_columns",
)  # fmt: skip


def measured(plan: Plan, lengths: Lengths) -> Measured | None:
    """What a probe has measured for such steps; None when there was none, or it is still at work (`is_measuring`).

    Raises `LabError` when it failed, with the reason.
    """
    found = read_json(_folder(plan, lengths) / _RESULT)
    if "problem" in found:
        raise LabError(found["problem"], found["remedy"])
    if "seconds_per_step" in found:
        return Measured(float(found["seconds_per_step"]), int(found["memory_bytes"]))
    return None


def is_measuring(plan: Plan, lengths: Lengths) -> bool:
    """Whether a probe for such steps is at work."""
    return is_alive(read_json(_folder(plan, lengths) / _PROCESS))


def start(plan: Plan, lengths: Lengths) -> None:
    """Begin to measure, in a process of its own; one that failed before is forgotten. Returns at once.

    Nothing happens while such steps are being measured already. Raises `LabError` while a training or another probe is
    active, which would falsify both, for settings that model or machine do not allow, and when the workspace cannot be
    written (a full disk, for one).
    """
    check_limits(plan, is_here=True)
    if any(run.status().is_active for run in list_runs()):
        raise LabError(
            "A training is active: measuring now would slow it down, and find too much.", "Wait until it has ended."
        )
    try:
        with _alone():
            if not is_measuring(plan, lengths):
                _refuse_another()
                _sweep()
                _start(plan, lengths, _folder(plan, lengths))
    except OSError as error:
        raise cannot_write(error, _NOTHING_MEASURED, otherwise="Look at the workspace's folder.") from error


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One start at a time, over all sessions and programs: the second finds the first at work."""
    _home().mkdir(exist_ok=True)
    with (_home() / "start.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held for moments only
        yield


def _refuse_another() -> None:
    if any(is_alive(read_json(folder / _PROCESS)) for folder in _home().iterdir()):
        raise LabError(
            "Another plan is being measured: two at once would slow each other down.", "Wait until that has ended."
        )


def _sweep() -> None:
    """Remove what was measured long ago. Called while no probe is at work."""
    for folder in _home().iterdir():
        if folder.is_dir() and time.time() - folder.stat().st_mtime > AGE_SECONDS:
            remove_folder(folder)


def _start(plan: Plan, lengths: Lengths, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_atomically(folder / "plan.yaml", plan.to_yaml())
    write_json(folder / "load.json", dataclasses.asdict(load_of(plan, lengths)))
    make_room(folder / _RESULT)  # it can be written, whatever becomes of the disk
    with (folder / "probe.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core.training.probe.probe", str(folder)],
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    threading.Thread(target=_reap, args=(process, folder), name=f"reap-{process.pid}", daemon=True).start()
    with contextlib.suppress(psutil.NoSuchProcess):
        write_json(folder / _PROCESS, identity(process.pid))


def _reap(process: subprocess.Popen, folder: Path) -> None:
    """Wait for a probe; write down why it left no result, when it was ended before it could."""
    code = process.wait()
    if read_json(folder / _RESULT):
        return
    problem, remedy = f"Measuring ended unexpectedly (exit code {code}).", "Start anyway, or change the settings."
    if code == -signal.SIGKILL:
        problem, remedy = "Measuring was ended by the system: the memory ran out, it seems.", _SMALLER
    elif code == -signal.SIGALRM:
        problem = f"Measuring took longer than {SECONDS} seconds: the steps are long, or the machine is busy."
        remedy = _SMALLER
    with contextlib.suppress(OSError):  # the workspace is gone
        write_record(folder / _RESULT, {"problem": problem, "remedy": remedy})


def _home() -> Path:
    return workspace() / "probes"


def _folder(plan: Plan, lengths: Lengths) -> Path:
    """Where the probe of such steps keeps what it finds: the same for all plans whose steps have the same shape."""
    step: dict[str, Any] = {key: value for key, value in dataclasses.asdict(plan).items() if key not in _NOT_OF_A_STEP}
    step["pair_column"] = plan.pair_column is not None
    load = load_of(plan, lengths)
    step |= {"sequences": load.sequences, "pieces": round(load.tokens), "longest": load.longest}
    with contextlib.suppress(LabError):
        if (model := catalogue.locate(plan.model)) is not None:
            step["model"] = fingerprint(model)
    name = hashlib.sha256(json.dumps(step, sort_keys=True).encode()).hexdigest()[:20]
    return _home() / name


def main(folder: Path) -> int:
    """Measure what `folder` asks for and write the result there; 0 when it was measured."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process wherever it is, in a long step, too
    signal.alarm(SECONDS)
    _offer_to_the_kernel()
    os.nice(5)
    plan = Plan.from_yaml((folder / "plan.yaml").read_text("utf-8"))
    load = Load(**read_json(folder / "load.json"))
    try:
        from core.training.probe.steps import measure

        found = dataclasses.asdict(measure(plan, load, folder))
    except Exception as error:
        from core.training.run.failures import is_out_of_memory

        found = {
            "problem": f"Measuring failed: {first_line(error)}",
            "remedy": "Start anyway, or change the settings.",
        }
        if isinstance(error, LabError):
            found = {"problem": error.problem, "remedy": error.remedy}
        elif isinstance(error, OSError) and is_full(error):
            problem = cannot_write(error, _NOTHING_MEASURED, otherwise="")
            found = {"problem": problem.problem, "remedy": problem.remedy}
        elif is_out_of_memory(error):
            found["problem"] = "A step of this plan needs more memory than there is."
            found["remedy"] = _SMALLER
    write_record(folder / _RESULT, found)
    return int("problem" in found)


def _offer_to_the_kernel() -> None:
    """When the memory of the machine runs out, this is the process to end (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
