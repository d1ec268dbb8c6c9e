"""The options of the command line: one for each setting of a plan and each way of reading a file. Starts nothing."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from core.data.reading import ReadOptions
from core.errors import LabError
from core.training.plan import Plan
from core.training.settings import Setting, is_required, kind

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
_READING = "reading_"  # before their names among the parsed options


def parser(description: str) -> argparse.ArgumentParser:
    """The parser of `python -m core.training`; `plan_of` makes a plan of what it parses."""
    made = argparse.ArgumentParser(prog="python -m core.training", description=description)
    made.add_argument("plan", nargs="?", type=Path, help="a plan as YAML; the options change it")
    made.add_argument("--output", type=Path, help="a new folder for the run, instead of one in the workspace")
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


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan of the file, changed by the options given; or of the options alone. Raises `LabError`."""
    given = {item.name: getattr(options, item.name) for item in _settings()}
    given = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items() if each is not None}
    fields = [item.name for item in dataclasses.fields(ReadOptions)]
    reading = {name: each for name in fields if (each := getattr(options, _READING + name)) is not None}
    if options.plan is not None:
        try:
            plan = Plan.from_yaml(options.plan.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise LabError(f"The plan “{options.plan}” cannot be read.", "Name a YAML file.") from error
        merged = ReadOptions.from_dict({**plan.reading.to_dict(), **reading})
        return dataclasses.replace(plan, reading=merged, **given)
    missing = [_flag(item.name) for item in _settings() if is_required(item) and item.name not in given]
    if missing:
        raise LabError(f"These options are missing: {', '.join(missing)}.", "Add them, or name a plan.yaml.")
    return Plan(reading=ReadOptions.from_dict(reading), **given)


def _settings() -> list[Setting]:
    return [item for item in dataclasses.fields(Plan) if item.name not in _NOT_OPTIONS]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _add(group: argparse._ArgumentGroup, item: Setting) -> None:
    text, expected = item.metadata["help"].replace("%", "%%"), kind(item)
    if expected is bool:
        group.add_argument(_flag(item.name), action="store_true", default=None, help=text)
    elif expected is tuple:
        group.add_argument(_flag(item.name), nargs="+", metavar="COLUMN", help=text)
    elif choices := item.metadata.get("choices"):
        group.add_argument(_flag(item.name), choices=choices, help=text)
    else:
        group.add_argument(_flag(item.name), type=expected, help=text)
