"""The options of the command line: one for each setting of a plan and each way of reading a file. Starts nothing."""

import argparse
import dataclasses
import shlex
from pathlib import Path
from typing import Any

from core.data.reading.read_table import ReadOptions
from core.errors import LabError
from core.runs.slurm import SlurmOptions
from core.training.forms.presets import BALANCED, PRESETS, Preset, preset_and_plan
from core.training.plan.plan import Plan
from core.training.plan.settings import Setting, default_of, in_figures, is_required, kind

_NOT_OPTIONS = ("reading", "preparation")  # the first has a group of its own, the second is for plan files
_READING_HELP = {
    "format": "of the file, such as csv or conll",
    "encoding": "of the file, such as utf-8 or gbk",
    "delimiter": "between the cells of a row",
    "quoting": "quotes are plain signs and wrap no cells",
    "header": "row 1 is data already",
    "sheet": "which sheet of a workbook",
    "split": "which part of a saved data set, such as train",
    "fill": "keep rows with too few cells, filled up",
}
NO_PRESET = "none"
_SLURM = "slurm_"
_READING = "reading_"  # before their names among the parsed options


def parser(description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m core.training`; `plan_of` makes a plan of what it parses."""
    made = argparse.ArgumentParser(
        prog="python -m core.training",
        description=description,
        epilog="python -m core.training resume RUN continues an interrupted run: a folder, or an id in the workspace.",
    )
    made.add_argument("plan", nargs="?", type=Path, help="a plan as YAML; the options change it")
    made.add_argument("--output", type=Path, help="a new folder for the run, instead of one in the workspace")
    made.add_argument(
        "--preset",
        choices=[*PRESETS, NO_PRESET],
        help="what settings that are not given become: as the page chooses them for data, model and machine (default: "
        f"{BALANCED}), or always the same ({NO_PRESET}). A plan as YAML takes none.",
    )
    cluster = made.add_argument_group("on a SLURM cluster instead of this machine")
    cluster.add_argument("--slurm", action="store_true", help="run as a job of the cluster")
    for item in dataclasses.fields(SlurmOptions):
        if item.name != "further":
            kind_of = type(item.default)
            cluster.add_argument(_flag(_SLURM + item.name), type=kind_of, help=f"default: {item.default or 'its own'}")
    cluster.add_argument("--slurm-option", action="append", default=[], metavar="NAME=VALUE", help="further, of sbatch")
    settings = made.add_argument_group("settings of the plan")
    for item in _settings():
        _add(settings, item)
    reading = made.add_argument_group("reading the file (what is not given is detected)")
    for item in dataclasses.fields(ReadOptions):
        more: dict[str, Any] = {"dest": _READING + item.name, "help": _READING_HELP[item.name], "default": None}
        if item.name in ("quoting", "header"):
            reading.add_argument(f"--no-{item.name}", action="store_false", **more)
        elif item.name == "fill":
            reading.add_argument("--fill", action="store_true", **more)
        else:
            reading.add_argument(f"--{item.name}", **more)
    return made


def resuming(description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m core.training resume RUN`."""
    made = argparse.ArgumentParser(prog="python -m core.training resume", description=description)
    made.add_argument("run", help="the folder of a run, or the id of one in the workspace")
    return made


def plan_of(options: argparse.Namespace) -> tuple[Plan, Preset | None]:
    """The plan of the file, changed by the options given; or that of a preset and the options, with the preset.

    Raises `LabError`, also for data that cannot be read where a preset has to look at it.
    """
    given: dict[str, Any] = {item.name: getattr(options, item.name) for item in _settings()}
    given = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items() if each is not None}
    fields = [item.name for item in dataclasses.fields(ReadOptions)]
    reading = {name: each for name in fields if (each := getattr(options, _READING + name)) is not None}
    if options.plan is not None:
        if options.preset is not None:
            raise LabError("A plan says every setting, so it takes no preset.", "Leave out --preset, or the file.")
        try:
            plan = Plan.from_yaml(options.plan.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise LabError(f"The plan “{options.plan}” cannot be read.", "Name a YAML file.") from error
        merged = ReadOptions.from_dict({**plan.reading.to_dict(), **reading})
        return dataclasses.replace(plan, reading=merged, **given), None
    missing = [_flag(item.name) for item in _settings() if is_required(item) and item.name not in given]
    if missing:
        raise LabError(f"These options are missing: {', '.join(missing)}.", "Add them, or name a plan.yaml.")
    given["reading"] = ReadOptions.from_dict(reading)
    if options.preset == NO_PRESET:
        return Plan(**given), None
    preset, plan = preset_and_plan(options.preset or BALANCED, **given)
    return plan, preset


def slurm_of(options: argparse.Namespace) -> SlurmOptions | None:
    """What the job asks the cluster for; None for a run on this machine. Raises `LabError`."""
    names = [item.name for item in dataclasses.fields(SlurmOptions) if item.name != "further"]
    given = {name: each for name in names if (each := getattr(options, _SLURM + name)) is not None}
    further = dict(each.partition("=")[::2] for each in options.slurm_option)
    if len(further) < len(options.slurm_option):
        raise LabError("An option of --slurm-option is given twice.", "Give each once.")
    if not options.slurm:
        if given or further:
            raise LabError("Options of a cluster are given, but no --slurm.", "Add --slurm, or leave them out.")
        return None
    return SlurmOptions(**given, further=further)


def _settings() -> list[Setting]:
    return [item for item in dataclasses.fields(Plan) if item.name not in _NOT_OPTIONS]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _add(group: argparse._ArgumentGroup, item: Setting) -> None:
    text, expected = item.metadata["help"], kind(item)
    if "low" in item.metadata:
        low, high = (in_figures(item.metadata[name]) for name in ("low", "high"))
        text += f" From {low} to {high}; without a preset {in_figures(default_of(item))}."
    text = text.replace("%", "%%")
    if expected is bool:
        group.add_argument(_flag(item.name), action=argparse.BooleanOptionalAction, help=text)
    elif expected is tuple:
        group.add_argument(_flag(item.name), nargs="+", metavar="COLUMN", help=text)
    elif choices := item.metadata.get("choices"):
        group.add_argument(_flag(item.name), choices=choices, help=text)
    else:
        group.add_argument(_flag(item.name), type=expected or str, help=text)


def command_line(plan: Plan) -> str | None:
    """The shell command that starts the same training: `plan_of` makes the same plan of it, on any machine.

    It takes no preset; settings at their defaults are left out. None for a plan that only a file can hold: with
    corrections, fixes, splits or names of labels, with a list of columns of which one begins with a dash, or for a file
    of which somebody said that it has quotes or a header, where the options only say that it has none.
    """
    if plan.preparation:
        return None
    words: list[str] = []
    for item in _settings():
        value = getattr(plan, item.name)
        if value is None or (not is_required(item) and value == item.default):
            continue
        if kind(item) is tuple:
            if any(each.startswith("-") for each in value):
                return None
            words += [_flag(item.name), *value]
        else:
            words += _words(_flag(item.name), value)
    for item in dataclasses.fields(ReadOptions):
        value = getattr(plan.reading, item.name)
        if value is False:
            words += [f"--no-{item.name}"]
        elif value is True and item.name != "fill":
            return None
        elif value is not None:
            words += _words(f"--{item.name}", value)
    return shlex.join(["python", "-m", "core.training", "--preset", NO_PRESET, *words])


def _words(flag: str, value: Any) -> list[str]:
    """An option with its value; a value that begins with a dash would be taken for an option of its own."""
    if value is True:
        return [flag]
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]
