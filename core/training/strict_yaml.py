"""YAML as a person writes it by hand: no aliases, by which a small file can grow without end, and no key twice."""

from typing import Any

import yaml

from core.errors import LabError, first_line


def parse(text: str) -> Any:
    """The plain values in a YAML text. Raises `LabError` for what is no YAML, for aliases and for repeated keys."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a day that is none, say
        raise LabError(f"The plan is not valid YAML: {first_line(error)}", "Correct the file.") from error


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of plain values, which takes the last of two equal keys and follows every alias."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
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
