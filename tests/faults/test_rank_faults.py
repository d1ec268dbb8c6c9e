"""Fault E07 beside ranks that die or hang: the first works alone for long, and ranks that do not read the same.

Slow: each starts two processes that load torch.
"""

import dataclasses
from pathlib import Path

import pytest

from core.runs.folder import create_run
from core.training.plan.plan import Plan
from core.training.run.ranks import Ranks
from tests.several_ranks import run_ranks, told
from tests.tiny_training import same_weights, tiny_plan  # noqa: F401

TRAIN = """
from pathlib import Path
from core.errors import LabError
from core.training.run import job
from core.training.run.job import Job

folder = Path({folder!r})
{harm}
try:
    tell(Job(folder, ranks=ranks).run())
except LabError as error:
    tell(error.problem)
    sys.exit(1)
"""


def prepared_run(plan: Plan) -> Path:
    """The folder of a run of two processes and three steps."""
    return create_run(dataclasses.replace(plan, processes=2, epochs=0.5).to_yaml()).path


@pytest.mark.slow
def test_E07_scoring_that_takes_longer_than_a_rank_may_be_silent_ends_well(plan: Plan, tmp_path: Path) -> None:
    folder = prepared_run(plan)
    harm = """
score = Job._score
def slow_score(*arguments):
    time.sleep(25)
    score(*arguments)
Job._score = slow_score
"""
    answer = run_ranks(TRAIN.format(folder=str(folder), harm=harm), tmp_path, seconds=10)
    assert told(answer) == ["0: finished", "1: finished"], answer.stderr[-3000:]
    assert answer.returncode == 0
    assert (folder / "evaluation" / "metrics.json").is_file()


@pytest.mark.slow
def test_E07_scoring_that_fails_on_the_first_rank_ends_all(plan: Plan, tmp_path: Path) -> None:
    harm = """
def no_score(*_):
    time.sleep(5)
    raise LabError("These rows cannot be scored.", "Give others.")
Job._score = no_score
"""
    answer = run_ranks(TRAIN.format(folder=str(prepared_run(plan)), harm=harm), tmp_path, seconds=120)
    assert told(answer) == ["0: These rows cannot be scored."], answer.stderr[-3000:]
    assert answer.returncode != 0


@pytest.mark.slow
def test_E07_a_first_rank_that_freezes_while_it_works_alone_is_given_up(tmp_path: Path) -> None:
    program = """
import signal
def freeze():
    os.kill(os.getpid(), signal.SIGSTOP)
try:
    ranks.first_alone(freeze)
except RuntimeError:
    tell("given up")
    sys.exit(1)
"""
    answer = run_ranks(program, tmp_path, seconds=8)
    assert told(answer) == ["1: given up"], answer.stderr[-3000:]
    assert answer.returncode != 0


@pytest.mark.slow
def test_E07_data_that_change_between_two_ranks_reads_end_the_run_in_words(plan: Plan, tmp_path: Path) -> None:
    harm = """
prepare = job.prepare
def prepare_in_turn(plan, task):
    found = prepare(plan, task) if ranks.is_first else None
    ranks.decide(None)
    if found is None:
        with open(plan.data, "a", encoding="utf-8") as file:
            file.writelines(f"one more good film {i},good" + chr(10) for i in range(20))
        found = prepare(plan, task)
    return found
job.prepare = prepare_in_turn
"""
    answer = run_ranks(TRAIN.format(folder=str(prepared_run(plan)), harm=harm), tmp_path, seconds=120)
    problem = "The processes of this training differ in the content of the data and in the number of training rows"
    assert [line[:3] for line in told(answer)] == ["0: ", "1: "], answer.stderr[-3000:]
    assert all(problem in line for line in told(answer))
    assert answer.returncode != 0


@pytest.mark.slow
def test_E07_ranks_with_different_tokenizers_end_the_run_in_words(plan: Plan, tmp_path: Path) -> None:
    harm = """
open_network = job.open_network
def open_other(*arguments):
    network, tokenizer = open_network(*arguments)
    if not ranks.is_first:
        tokenizer.add_tokens(["cat sat"])
    return network, tokenizer
job.open_network = open_other
"""
    answer = run_ranks(TRAIN.format(folder=str(prepared_run(plan)), harm=harm), tmp_path, seconds=120)
    assert len(told(answer)) == 2, answer.stderr[-3000:]
    assert all("differ in the tokens of the texts: they did not" in line for line in told(answer))


CUT_STEP = """
from core.training.run import callbacks
from core.training.run.trainer import LabTrainer
callbacks.LOOK_SECONDS = 0.0
step, calls = LabTrainer.training_step, []
def training_step(self, *arguments, **options):
    calls.append(1)
    if ranks.is_first and len(calls) == 5:  # the first of two parts of the third step
        (folder / "STOP").touch()
    return step(self, *arguments, **options)
LabTrainer.training_step = training_step
"""
CUT_EVALUATION = """
from core.training.run.callbacks import Reporter
from core.training.run.stopping import Stopped
look = Reporter.on_scored_batch
def on_scored_batch(self, done):
    if not ranks.is_first and self.step == 3:  # where the other rank sees no stop
        raise Stopped
    look(self, done)
Reporter.on_scored_batch = on_scored_batch
"""


@pytest.mark.slow
@pytest.mark.parametrize(("harm", "step"), [(CUT_STEP, 2), (CUT_EVALUATION, 3)])
def test_D06_ranks_abandon_a_step_or_an_evaluation_together(plan: Plan, tmp_path: Path, harm: str, step: int) -> None:
    plan = dataclasses.replace(plan, processes=2, accumulation=2, epochs=1.0)
    whole, cut = (create_run(plan.to_yaml()) for _ in range(2))
    for run, change, end in ((whole, "", "finished"), (cut, harm, "stopped"), (cut, "", "finished")):
        (run.path / "STOP").unlink(missing_ok=True)
        answer = run_ranks(TRAIN.format(folder=str(run.path), harm=change), tmp_path, seconds=120)
        assert told(answer) == [f"0: {end}", f"1: {end}"], answer.stderr[-3000:]
        if end == "stopped":
            assert [path.name for path in (run.path / "checkpoints").iterdir()][-1:] == [f"step-{step}"]
    assert same_weights(whole, cut)
    kept = ("kind", "step", "loss", "accuracy")
    one, other = ([[e.get(name) for name in kept] for e in r.events() if e["kind"] != "note"] for r in (whole, cut))
    assert one == other


def test_one_process_agrees_with_itself_and_works_alone() -> None:
    done: list[str] = []
    Ranks().require_same({"the number of steps": 3})
    Ranks().first_alone(lambda: done.append("work"))
    assert done == ["work"]
