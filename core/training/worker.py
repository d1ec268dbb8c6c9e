"""The process that trains: `python -m core.training.worker FOLDER`, started by the supervisor and ended with it.

Leaves its result in `outcome.json`, whatever happens; what it prints goes to `train.log`.
"""

import json
import logging
import os
import shutil
import sys
from pathlib import Path

from core.runs.process import die_with_parent
from core.runs.status import write_json
from core.runs.supervisor import PARENT_VARIABLE
from core.training.failures import explain
from core.training.precision import training_threads

_NICENESS = 5  # people at the same machine come first

logger = logging.getLogger(__name__)


def main(folder: Path) -> int:
    """Train the run in `folder`; 0 when it finished or was stopped, 1 when it failed."""
    if parent := os.environ.get(PARENT_VARIABLE):
        die_with_parent(int(parent))
    os.nice(_NICENESS)
    os.environ["CUDA_VISIBLE_DEVICES"] = _first_card()
    for name, value in _threading().items():
        os.environ.setdefault(name, value)  # read when torch is imported, further down
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    job = None
    try:
        from core.training.job import Job, prepare_torch

        prepare_torch()
        job = Job(folder)
        state = job.run()
        message = f"Stopped at step {job.step}." if state == "stopped" else ""
        remedy = "Resume the run: it continues exactly where it stopped." if state == "stopped" else ""
        write_json(folder / "outcome.json", {"state": state, "message": message, "remedy": remedy})
        if state == "finished":  # nothing is left to continue, and they take six times the room of the model
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return 0
    except BaseException as error:
        logger.exception("The training failed")
        problem = explain(error, folder, job.step if job is not None else 0)
        outcome = {"state": "failed", "message": problem.problem, "remedy": problem.remedy}
        _leave(folder, outcome)
        return 1


def _first_card() -> str:
    """One card: with several visible, the Trainer would split each batch among them and count steps differently."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


def _threading() -> dict[str, str]:
    """Settings of the OpenMP threads that multiply matrices.

    By default they spin for about a millisecond while they wait for each other; as soon as anything else uses the
    processor (the app, for one) they burn the time that the one they wait for needs. Measured in examples a second,
    two threads on two cores, alone and beside one busy process: default 300 and 7, never spinning
    (OMP_WAIT_POLICY=passive) 220 and 200, spinning shortly 310 and 154.
    """
    return {"OMP_NUM_THREADS": str(training_threads()), "GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "1"}


def _leave(folder: Path, outcome: dict[str, str]) -> None:
    """Write the outcome; on a disk without room for a second file, straight into place."""
    try:
        write_json(folder / "outcome.json", outcome)
    except OSError:
        logger.exception("The outcome could not be written in one piece")
        (folder / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
