"""YAML as a person writes it by hand: no aliases, by which a small file can grow without end, and no key twice.

And the JSON that a plan may hold.
"""

import json
from typing import Any

import yaml

from core.errors import LabError, first_line


def parse(text: str) -> Any:
    """The plain values in a YAML text. Raises `LabError` for what is no YAML, for aliases and for repeated keys."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a day that is none, say
        raise LabError(f"The plan is not valid YAML: {first_line(error)}", "Correct the file.") from error


def check_json(text: str) -> None:
    """Raises `LabError` for a key that stands twice in one object; what is no JSON is left to whoever reads it."""
    try:
        json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        return


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise LabError(f"“{key[:80]}” stands twice in the plan's preparation.", "Keep one of the two.")
        found[key] = value
    return found


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of plain values, which takes the last of two equal keys and follows every alias."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise LabError(f"Line {line} of the plan refers to another one by “*” (an alias).", "Write the value out.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                where = f"in line {line}" if lines[key.value] == line else f"in lines {lines[key.value]} and {line}"
                raise LabError(f"“{key.value[:80]}” is set twice in the plan, {where}.", "Keep one of the two.")
            lines[key.value] = line
        return super().construct_mapping(node, deep)
