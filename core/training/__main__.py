"""The command line: `python -m core.training --data F --text-column T --label-column L …` or `… plan.yaml`.

The same run as in the app, in the same processes: this one only starts it, follows it and stops it on Ctrl-C.
"""

import argparse
import dataclasses
import logging
import sys
import time
from pathlib import Path
from typing import Any

from core.data.reading import ReadOptions
from core.errors import LabError
from core.runs.executors import LocalExecutor
from core.runs.folder import Run
from core.runs.status import Status
from core.training import launch
from core.training.plan import PRECISIONS, TASKS, Plan

logger = logging.getLogger("core.training")

_PLAN_OPTIONS = (  # option, type
    ("data", str), ("text_column", str), ("pair_column", str), ("label_column", str), ("test_data", str),
    ("validation_data", str), ("model", str), ("name", str), ("epochs", float), ("batch_size", int),
    ("learning_rate", float), ("max_length", int), ("warmup_share", float), ("weight_decay", float),
    ("max_gradient_norm", float), ("seed", int), ("evaluations_per_epoch", int), ("checkpoint_seconds", float),
)  # fmt: skip
_EXIT_CODES = {"finished": 0, "stopped": 130}
_LOSS_SECONDS = 2.0  # between two printed losses
_SCORES = ("accuracy", "macro_f1", "weighted_f1", "mcc", "loss", "majority_accuracy", "rows", "split")


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 when finished, 130 when stopped, 1 when it failed, 2 for a plan that cannot be."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    try:
        plan = _plan(options)
        run = launch(plan, output=options.output)
    except LabError as error:
        logger.error("%s\n%s", error.problem, error.remedy)
        return 2
    except OSError as error:
        logger.error("%s\nCheck the path and its permissions.", error)
        return 2
    logger.info("Run %s in %s", run.id, run.path)
    return _follow(run)


def _follow(run: Run) -> int:
    printer = _Printer(run)
    while True:
        try:
            status = LocalExecutor().wait(run, on_change=printer)
            break
        except KeyboardInterrupt:
            logger.info("Stopping after this step (its checkpoint is saved) …")
            run.request_stop()
    printer(status)
    if status.state == "finished":
        metrics = run.metrics()
        for name in _SCORES:
            value = metrics.get(name)
            logger.info("%-18s %s", name, f"{value:.4f}" if isinstance(value, float) else value)
        logger.info("%-18s %s", "model", run.path / "model")
    else:
        logger.error("%s\n%s", status.message or f"The run is {status.state}.", status.remedy)
    return _EXIT_CODES.get(status.state, 1)


class _Printer:
    """Prints what is new since the last look: phases, losses, evaluations, notes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen = 0
        self._phase = ""
        self._last_loss = 0.0

    def __call__(self, status: Status) -> None:
        phase = status.message if status.state == "running" else status.state
        if phase and phase != self._phase and status.is_active:
            self._phase = phase
            logger.info("%s", phase)
        events = self._run.events()
        for event in events[self._seen :]:
            if event.get("kind") == "train":
                if time.monotonic() - self._last_loss < _LOSS_SECONDS:
                    continue
                self._last_loss = time.monotonic()
            logger.info("%s", _line(event, status.total_steps))
        self._seen = len(events)


def _line(event: dict[str, Any], total_steps: int) -> str:
    step = f"step {event.get('step')}/{total_steps}"
    if event.get("kind") == "train":
        rate, left = event["examples_per_second"], event["seconds_left"]
        return f"{step}  loss {event['loss']:.4f}  {rate:.0f} examples/s  {left:.0f} s left"
    if event.get("kind") == "evaluation":
        scores = f"accuracy {event['accuracy']:.4f}  macro F1 {event['macro_f1']:.4f}"
        return f"{step}  validation loss {event['loss']:.4f}  {scores}"
    return str(event.get("message", ""))


def _plan(options: argparse.Namespace) -> Plan:
    """The plan of the file, changed by the options given; or of the options alone."""
    given = {name: value for name, _ in (*_PLAN_OPTIONS, ("task", str), ("precision", str))
             if (value := getattr(options, name)) is not None}  # fmt: skip
    reading = {"encoding": options.encoding, "delimiter": options.delimiter, "header": options.header}
    reading = {name: value for name, value in reading.items() if value is not None}
    if options.plan is not None:
        try:
            plan = Plan.from_yaml(options.plan.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise LabError(f"The plan “{options.plan}” cannot be read.", "Name a YAML file.") from error
        merged = ReadOptions.from_dict({**plan.reading.to_dict(), **reading})
        return dataclasses.replace(plan, reading=merged, **given)
    missing = [name for name in ("data", "text_column", "label_column") if name not in given]
    if missing:
        names = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise LabError(f"These options are missing: {names}.", "Add them, or name a plan.yaml.")
    return Plan(reading=ReadOptions.from_dict(reading), **given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core.training", description=__doc__)
    parser.add_argument("plan", nargs="?", type=Path, help="a plan as YAML; the options change it")
    metadata = {item.name: item.metadata for item in dataclasses.fields(Plan)}
    for name, kind in _PLAN_OPTIONS:
        help_text = metadata[name]["help"].replace("%", "%%")
        parser.add_argument("--" + name.replace("_", "-"), type=kind, help=help_text)
    parser.add_argument("--task", choices=TASKS, help=metadata["task"]["help"])
    parser.add_argument("--precision", choices=PRECISIONS, help=metadata["precision"]["help"])
    parser.add_argument("--delimiter", help="between the cells of a row; detected without")
    parser.add_argument("--encoding", help="of the file; detected without")
    parser.add_argument("--no-header", dest="header", action="store_false", default=None, help="row 1 is data already")
    parser.add_argument("--output", type=Path, help="a new folder for the run, instead of one in the workspace")
    return parser


if __name__ == "__main__":
    sys.exit(main())
