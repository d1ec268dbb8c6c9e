"""What a run may lose when it finishes: its checkpoints, once it has finished for certain. Catalogue D05."""

import pytest

from core.runs.folder import Run, create_run
from core.runs.status import read_json
from core.training import resume
from core.training.plan.plan import Plan
from core.workspace import PROJECT_ROOT
from tests.faults.test_supervision_faults import submit
from tests.tiny_training import same_weights, tiny_plan, train_here  # noqa: F401
from tests.waiting import wait_for

CLAIM = """
import os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
(folder / "outcome.json").write_text('{"state": "finished"}')
"""


@pytest.fixture
def run() -> Run:
    run = create_run("plan")
    (run.path / "checkpoints" / "step-7").mkdir(parents=True)
    return run


def test_D05_checkpoints_go_when_the_run_has_finished(run: Run) -> None:
    submit(run, CLAIM)
    assert run.wait().state == "finished"
    wait_for(lambda: not (run.path / "checkpoints").exists())
    wait_for(lambda: not list(run.path.glob(".*")))


@pytest.mark.parametrize("end", ["sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_D05_a_claim_to_have_finished_without_a_clean_exit_keeps_the_checkpoints(run: Run, end: str) -> None:
    submit(run, CLAIM + end)
    assert run.wait().state == "failed"
    assert (run.path / "checkpoints" / "step-7").is_dir()


def test_D05_killed_after_its_last_word_a_training_goes_on_from_its_end(plan: Plan) -> None:
    run = create_run(plan.to_yaml())
    code = f"""
import os, pathlib, sys
sys.path.insert(0, {str(PROJECT_ROOT)!r})
from core.training.run import worker
worker.main(pathlib.Path(sys.argv[1]))
os.kill(os.getpid(), 9)
"""
    submit(run, code)
    assert run.wait().state == "failed"
    assert read_json(run.path / "outcome.json")["state"] == "finished"
    assert resume(run).wait().state == "finished"
    events = run.events()
    assert "Continued from the checkpoint of step 12." in [event.get("message") for event in events]
    assert [event["step"] for event in events if event["kind"] == "train"] == list(range(1, 13))
    undisturbed = create_run(plan.to_yaml())
    submit(undisturbed, code.replace("os.kill(os.getpid(), 9)", ""))  # by as many threads: sums round alike
    assert undisturbed.wait().state == "finished"
    assert same_weights(run, undisturbed)
    wait_for(lambda: not (run.path / "checkpoints").exists())
