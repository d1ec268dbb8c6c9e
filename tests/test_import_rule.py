"""Keeps the import rule of the architecture: who may import whom, and what `import core` may load.

Reads the sources without running them; imports written inside functions and for type checking count too.
Does not judge which outside library a part of the core uses, beyond Streamlit.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent

GROUND = {"core.errors", "core.workspace", "core.machine", "core.memory"}
# A part of the core and what it may import beside itself. `core` alone is the face, which names every part lazily.
MAY_IMPORT = {
    **dict.fromkeys(GROUND, GROUND),
    "core.models": GROUND,
    "core.data": GROUND,
    "core.runs": GROUND,
    "core.explore": GROUND | {"core.models"},
    "core.training": GROUND | {"core.models", "core.data", "core.runs"},
    "core.evaluation": GROUND | {"core.models", "core.data", "core.runs", "core.explore", "core.training"},
    "core.charts": set(),
}
# Pages compute nothing, so they have no use for these.
COMPUTING = {
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "datasets",
    "sklearn",
    "scipy",
    "bertviz",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import: who, on which line, of what. `imported` is a module, or the nearest one that is a file."""

    importer: str
    line: int
    imported: str


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def modules_of(root: Path) -> dict[str, Path]:
    """`app.py` and every file below core/ and pages/, by module name."""
    files = [*root.glob("app.py"), *root.glob("core/**/*.py"), *root.glob("pages/**/*.py")]
    return {".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): f for f in sorted(files)}


def imports_of(module: str, file: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Every import that the file writes down, relative ones resolved, `import_module("…")` included."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    folders = {name.rpartition(".")[0] for name in modules}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(module, node.lineno, alias.name)
            case ast.ImportFrom():
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                for alias in node.names:
                    name = f"{base}.{alias.name}"
                    yield Import(module, node.lineno, name if name in modules or name in folders else base)
            case ast.Call(func=ast.Attribute(attr=called) | ast.Name(id=called), args=[ast.Constant(str(name)), *_]):
                if called in ("import_module", "__import__"):
                    yield Import(module, node.lineno, name)


def objection(found: Import) -> str | None:
    """Why the import breaks the rule, or None."""
    importer, imported = found.importer, found.imported
    library = imported.partition(".")[0]
    if library == "tests":
        return "the product imports no tests"
    if within(importer, "core"):
        if library == "streamlit":
            return "the core knows no Streamlit"
        if library in ("pages", "app"):
            return "the core knows no page"
        part = ".".join(importer.split(".")[:2])
        if library == "core" and part != "core":
            if part not in MAY_IMPORT:
                return f"{part} has no floor yet: give it one in MAY_IMPORT"
            if not any(within(imported, below) for below in MAY_IMPORT[part] | {part}):
                return f"{part} stands on {', '.join(sorted(MAY_IMPORT[part]))} only"
        return None
    if library in COMPUTING:
        return "pages compute nothing: ask the core"
    if library == "app":
        return "nothing imports the router"
    if library == "pages" and not within(imported, "pages.shared"):
        return "no page is imported, only pages.shared"
    return None


def violations(root: Path) -> list[str]:
    """One sentence for each import below `root` that breaks the rule, as `file:line: what: why`."""
    modules = modules_of(root)
    found = (each for module, file in modules.items() for each in imports_of(module, file, modules))
    return [
        f"{modules[each.importer].relative_to(root)}:{each.line}: imports {each.imported}: {why}"
        for each in found
        if (why := objection(each))
    ]


def test_every_import_keeps_the_rule():
    assert len(modules_of(PROJECT)) > 20
    assert violations(PROJECT) == []


def test_only_the_router_lies_directly_in_the_pages_folder():
    # Streamlit's old kind of app would offer any other as a page of its own, past the router.
    assert [file.name for file in PROJECT.glob("pages/*.py")] == ["router.py"]


@pytest.mark.parametrize("module", ["core", "core.data.reading", "core.runs.folder", "core.training.plan"])
def test_importing_loads_nothing_heavy(module: str):
    heavy = {"torch", "transformers", "streamlit"}
    if module == "core":
        heavy |= {"datasets", "sklearn", "pandas", "pyarrow", "plotly"}
    code = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


TREE = [
    "app.py",
    *(
        "core/__init__.py",
        "core/errors.py",
        "core/models/__init__.py",
        "core/models/loading.py",
        "core/explore/trace.py",
    ),
    *("core/data/reading.py", "core/training/plan.py", "core/evaluation/report.py", "core/charts/bars.py"),
    *("pages/shared/state.py", "pages/explore/tokens.py", "pages/train/runs.py"),
]


def plant(root: Path, file: str, source: str) -> None:
    for path in map(root.joinpath, TREE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(source, encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/models/loading.py", "from core.data.reading import read_table"),
        ("core/models/loading.py", "from core.data import reading"),
        ("core/models/loading.py", "from core import data"),
        ("core/models/loading.py", "from ..data import reading"),
        ("core/models/loading.py", "def late():\n    import core.explore.trace"),
        ("core/models/__init__.py", "from ..explore import trace"),
        ("core/models/loading.py", "import importlib\nimportlib.import_module('core.training')"),
        ("core/explore/trace.py", "from core.data.reading import Table"),
        ("core/training/plan.py", "from core.evaluation import report"),
        ("core/training/plan.py", "from core.charts import bars"),
        ("core/training/plan.py", "from core import open_model"),
        ("core/charts/bars.py", "from core.models.loading import Model"),
        ("core/errors.py", "from core.models import loading"),
        ("core/errors.py", "import streamlit as st"),
        ("core/__init__.py", "from streamlit import cache_data"),
        ("core/explore/trace.py", "from pages.shared import state"),
        ("core/newcomer/idea.py", "import core.errors"),
        ("core/errors.py", "from tests.conftest import workspace"),
        ("pages/explore/tokens.py", "from pages.train import runs"),
        ("pages/explore/tokens.py", "from ..train.runs import curve"),
        ("pages/explore/tokens.py", "import torch"),
        ("pages/explore/tokens.py", "from sklearn.decomposition import PCA"),
        ("pages/shared/state.py", "import pages.explore.tokens"),
        ("pages/shared/state.py", "import app"),
        ("app.py", "from pages.explore import tokens"),
        ("app.py", "import transformers"),
    ],
)
def test_the_rule_objects(tmp_path: Path, file: str, source: str):
    plant(tmp_path, file, source)
    (sentence,) = violations(tmp_path)
    assert sentence.startswith(f"{file}:")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/models/loading.py", "import torch\nfrom core.errors import LabError\nfrom . import loading"),
        ("core/explore/trace.py", "from core.models.loading import Model"),
        ("core/evaluation/report.py", "from core.explore import trace\nfrom core.training.plan import Plan"),
        ("core/__init__.py", "from core.training import plan"),
        ("pages/explore/tokens.py", "import core\nfrom core import open_model\nfrom pages.shared.state import state"),
        ("pages/explore/tokens.py", "import pandas as pd\nimport streamlit as st\nfrom ..shared import state"),
        ("app.py", "import streamlit as st\nfrom pages.shared import state"),
    ],
)
def test_the_rule_lets_pass(tmp_path: Path, file: str, source: str):
    plant(tmp_path, file, source)
    assert violations(tmp_path) == []
