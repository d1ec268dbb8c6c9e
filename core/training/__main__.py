"""The command line: `python -m core.training --data F --text-column T --label-column L …`, `… plan.yaml`, or
`… resume RUN`.

The same run as in the app, in the same processes and by the same settings: this one only starts it, follows it and
stops it on Ctrl-C.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

from core.errors import LabError
from core.runs.folder import Run, open_run
from core.runs.status import Status
from core.training import launch, resume
from core.training.forms.cli import parser, plan_of, resuming, slurm_of
from core.training.forms.editable import FIELDS
from core.training.forms.presets import PRESETS, Preset
from core.training.plan.plan import Plan

logger = logging.getLogger("core.training")

_EXIT_CODES = {"finished": 0, "stopped": 130}
_LOSS_SECONDS = 2.0  # between two printed losses
_PLACE = ("epoch", "seconds")  # in an event, what is no score


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 when finished, 130 when stopped, 1 when it failed, 2 for a plan that cannot be."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        run = _resumed(arguments[1:]) if arguments[:1] == ["resume"] else _started(arguments)
    except LabError as error:
        logger.error("%s\n%s", error.problem, error.remedy)
        return 2
    except OSError as error:
        logger.error("%s\nCheck the path and its permissions.", error)
        return 2
    logger.info("Run %s in %s", run.id, run.path)
    return _follow(run)


def _started(arguments: list[str]) -> Run:
    options = parser(__doc__).parse_args(arguments)
    plan, preset = plan_of(options)
    slurm = slurm_of(options)
    if preset is not None:
        _say(preset, plan)
    return launch(plan, output=options.output, slurm=slurm)


def _resumed(arguments: list[str]) -> Run:
    name = resuming(__doc__).parse_args(arguments).run
    folder = Path(name).expanduser()
    return resume(open_run(folder if folder.is_dir() else name))


def _say(preset: Preset, plan: Plan) -> None:
    """What the preset chose, as far as the options left it, and why; all of it is kept in the run's plan.yaml."""
    chosen = {name: value for name, value in preset.said().items() if getattr(plan, name) == preset.settings[name]}
    words = ", ".join(f"{FIELDS[name].metadata['title'].lower()} {value}" for name, value in chosen.items())
    logger.info("%s: %s.\n%s", PRESETS[preset.name], words, " ".join(preset.why))


def _follow(run: Run) -> int:
    printer = _Printer(run)
    while True:
        try:
            status = run.wait(on_change=printer)
            break
        except KeyboardInterrupt:
            logger.info("Stopping (what is done is saved) …")
            run.request_stop()
    printer(status)
    if status.state == "finished":
        for name, value in {**run.metrics(), "model": run.path / "model"}.items():
            if not isinstance(value, list | dict):  # classes and intervals stand in evaluation/metrics.json
                logger.info("%-22s %s", name, f"{value:.4f}" if isinstance(value, float) else value)
        if status.message:
            logger.warning("%s\n%s", status.message, status.remedy)
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
        scores = {name: value for name, value in event.items() if name not in _PLACE and isinstance(value, float)}
        return f"{step}  validation  {'  '.join(f'{name} {value:.4f}' for name, value in scores.items())}"
    return str(event.get("message", ""))


if __name__ == "__main__":
    sys.exit(main())
