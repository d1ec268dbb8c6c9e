"""The modules of a network as an indented tree, with rows of layers that are all alike folded into one line."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from transformers import PretrainedConfig

from core.models.anatomy.skeleton import skeleton


@dataclass(frozen=True, slots=True)
class ModuleRow:
    """One line of the tree.

    - `name`: the last step of `path`; a folded line has "0 … 11" and the path of the first
    - `depth`: 0 for the whole network
    - `settings`: what the module says of itself, such as "in_features=768, out_features=3072, bias=True"
    - `shapes`: the weights it holds itself, by name
    - `parameters`: its own and those of all below it, each tensor once; `alike`: how many modules the line stands for
    """

    path: str
    name: str
    depth: int
    kind: str
    settings: str
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    parameters: int
    alike: int = 1


def module_tree(
    config: PretrainedConfig, architecture: str | None = None, *, fold: bool = True, has_pooler: bool = True
) -> tuple[ModuleRow, ...]:
    """Every module from the outside in, as `print(network)` nests them; arguments as `skeleton`.

    `fold` shows neighbours that are alike (same classes, same shapes) once; `parameters` is then their sum.
    """
    network = skeleton(config, architecture, has_pooler=has_pooler)
    return tuple(_rows(network, "", type(network).__name__, 0, 1, fold))


def _rows(module: nn.Module, path: str, name: str, depth: int, alike: int, fold: bool) -> Iterator[ModuleRow]:
    yield ModuleRow(
        path=path,
        name=name,
        depth=depth,
        kind=type(module).__name__,
        settings=module.extra_repr(),
        shapes=tuple((own, tuple(each.shape)) for own, each in module.named_parameters(recurse=False)),
        parameters=sum(each.numel() for each in module.parameters()) * alike,
        alike=alike,
    )
    children = list(module.named_children())
    start = 0
    while start < len(children):
        first, child = children[start]
        end = start + 1
        while fold and first.isdigit() and end < len(children) and repr(children[end][1]) == repr(child):
            end += 1
        count = end - start
        shown = first if count == 1 else f"{first} … {children[end - 1][0]}"
        yield from _rows(child, f"{path}.{first}".lstrip("."), shown, depth + 1, count, fold)
        start = end
