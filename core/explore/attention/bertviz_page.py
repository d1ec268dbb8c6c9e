"""The page around one of bertviz's scripts: whole, offline, and inert whatever stands in a text.

- Offline: d3 is read from the installed mpld3, jQuery from XStatic-jQuery, a `require` of our own hands them out, and
  bertviz's addresses of a download server are removed. `LabError` when a script is not what this module expects.
- Safe: a text is data. It lies in a JSON block without any “<”, bertviz draws it with d3's `.text()`, and a
  Content-Security-Policy lets nothing run but these very scripts, and nothing be fetched (images may only be the
  page's own, on their way to a saved picture). Streamlit's script that
  measures a document cannot run either, so `st.iframe` needs a height; what is taller scrolls.
- Small: numbers are written as whole `STEPS`-ths.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from core.errors import LabError

Theme = Literal["light", "dark"]

STEPS = 10_000  # a weight of 0.12345 is written as 1235; half a step is 5e-5, far below what a line's opacity shows

_LIBRARIES = (
    ("mpld3", "mpld3/js/d3.v5.min.js", "// https://d3js.org v5.7.0 "),
    ("XStatic-jQuery", "xstatic/pkg/jquery/data/jquery.min.js", "/*! jQuery v3."),
)
_REQUIRE = """
function requirejs(names, use) {
  const libraries = {jquery: window.jQuery, d3: window.d3};
  use(...names.map((name) => libraries[name]));
}
"""
_UNPACK = """
window.bertviz_params = JSON.parse(document.getElementById("params").textContent);
(() => {
  const params = window.bertviz_params;
  const whole = (packed) => Array.isArray(packed) ? packed.map(whole) : packed / params.steps;
  for (const part of Object.values(params.attention))
    for (const name of ["attn", "queries", "keys"]) if (name in part) part[name] = whole(part[name]);
})();
"""
# bertviz counts from 0, the lab's pages from 1 (`core.models.layer_names`). Only what is written changes: the model
# view draws these lists as labels; the neuron view is given one layer, and counts it as the first.
_LABEL = {
    "head": "",
    "model": """
for (const name of ["include_layers", "include_heads"])
  window.bertviz_params[name] = window.bertviz_params[name].map((number) => number + 1);
""",
    "neuron": "",
}
_RENAME = {
    "head": """
for (const option of document.querySelectorAll("#layer option")) option.text = Number(option.value) + 1;
""",
    "model": "",
    "neuron": """
document.querySelector("#layer option").text = window.bertviz_params.layer_name;
for (const option of document.querySelectorAll("#att_head option")) option.text = Number(option.value) + 1;
""",
}
_SAVE = (Path(__file__).parent / "bertviz_saving.js").read_text("utf-8")
_BUTTONS = """<span class="save"><button type="button" id="save-png">Save PNG</button>
<button type="button" id="save-svg">Save SVG</button></span>"""
_STYLE = """
html { color-scheme: light; background: white; color: black; }
html.dark { color-scheme: dark; background: black; color: #ccc; }
body { margin: 0; padding: 8px; font: 15px "Helvetica Neue", Helvetica, Arial, sans-serif; }
select { font: inherit; margin-right: 12px; }
.save { float: right; }
.save button { font: 13px "Helvetica Neue", Helvetica, Arial, sans-serif; padding: 2px 8px; cursor: pointer; }
svg { display: block; margin-top: 8px; font-size: 15px; }
.neuron svg { min-width: 1060px; } /* bertviz makes it as wide as the frame, and its last columns would be cut off */
/* bertviz draws these in black, or in light grey behind light text, whatever the theme */
.dark.head text, .dark.model svg > text, .dark.neuron #placeholder { fill: #ccc; }
.dark.head .background { fill: #444; }
"""
_DOWNLOADS = re.compile(r"^require\.config\(\{.*?^\}\);$", re.MULTILINE | re.DOTALL)
_TEMPLATE_PARAMS = "const params = PYTHON_PARAMS;"
_PAGE_PARAMS = "const params = window.bertviz_params"


def menu(label: str, identity: str, options: Mapping[str, str] | None = None) -> str:
    """A labelled choice that bertviz finds by `identity`; it fills in the options itself where none are given."""
    pairs = (options or {}).items()
    choices = "".join(f'<option value="{value}">{html.escape(name)}</option>' for value, name in pairs)
    return f'<label class="dropdown-label">{label}: <select id="{identity}">{choices}</select></label>'


def document(view: Literal["head", "model", "neuron"], params: dict[str, Any], controls: str, theme: Theme) -> str:
    """The document of a view: `params` as bertviz's script wants them, numbers in `STEPS`-ths; `controls` are `menu`s.

    Raises `LabError` when an installed script is missing or not as expected.
    """
    data = json.dumps(params | {"root_div_id": "bertviz", "steps": STEPS}, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # only strings of JSON hold one: no text ends the block or opens another
    libraries = [_installed(*library) for library in _LIBRARIES]
    scripts = [*libraries, _REQUIRE, _UNPACK + _LABEL[view], _drawing(view), _SAVE + _RENAME[view]]
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; img-src blob:; "
    policy += f"script-src {hashes}"
    return "\n".join(
        [
            f'<!doctype html><html lang="en" class="{view} {theme}"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>bertviz {view} view</title><style>{_STYLE}</style></head>",
            f'<body><div id="bertviz"><div>{_BUTTONS}{controls}</div><div id="vis"></div></div>',
            f'<script type="application/json" id="params">{data}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body></html>",
        ]
    )


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _drawing(view: str) -> str:
    """bertviz's own script of a view, without addresses, reading its data from the page."""
    script = _installed("bertviz", f"bertviz/{view}_view.js", "/**\n * @fileoverview Transformer Visualization D3")
    script, downloads = _DOWNLOADS.subn("", script)
    if view != "neuron":
        script = script.replace(_TEMPLATE_PARAMS, f"{_PAGE_PARAMS};", 1)
    if downloads != 1 or script.count(_PAGE_PARAMS) != 1 or "cdnjs" in script:
        raise _changed("bertviz", f"{view}_view.js")
    return script


@cache
def _installed(package: str, path: str, beginning: str) -> str:
    """A script file of an installed package, safe to stand inside a script tag.

    Raises `LabError` when the package or file is missing, or does not begin as the pinned version does.
    """
    try:
        files = metadata.files(package) or []
        script = next(file for file in files if file.as_posix() == path).read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, StopIteration, OSError) as error:
        raise _changed(package, path) from error
    if not script.startswith(beginning):
        raise _changed(package, path)
    # Inside strings and regular expressions a backslash before these changes nothing; elsewhere they do not stand.
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _changed(package: str, path: str) -> LabError:
    return LabError(
        f"bertviz's views need the file {path} of the package {package} as it was when the lab was made; it is "
        "missing or different.",
        "Install the versions in requirements.txt: pip install -r requirements.txt.",
    )
