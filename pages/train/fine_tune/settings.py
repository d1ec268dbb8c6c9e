"""Fine-tune, the settings: a preset, what it chooses and why, and every setting of the plan in groups.

The address holds the preset and what was changed on top of it; nothing else is remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.training.forms.editable import checked, editable, from_text, limits, step, to_text, written
from core.training.forms.presets import BALANCED, PRESETS, preset
from core.training.plan.combinations import is_used, uneven_batch
from core.training.plan.plan import FIELDS, columns_of
from core.training.plan.settings import kind
from pages.shared.text import errors_shown, plain
from pages.shared.url_state import keep, seed

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.training.estimate.shapes import Shape
    from core.training.estimate.speeds import Device
    from core.training.estimate.token_lengths import Load
    from core.training.forms.presets import Preset
    from core.training.plan.settings import Setting

# State of the session. The first two stand in the address as well.
PRESET = "preset"
CHANGED = "changed"  # the settings that were changed on top of it, as one text
PICKED = "preset-pick"
EDITED = "knob-"  # before the name of a setting
CUSTOM = "custom"
COLUMNS = 3
DEVICES_HELP = (
    "This machine trains on its one processor, and one process uses all of its cores. More processes share each batch "
    "as several graphics cards would: good for trying that out, not faster."
)


def choose_settings(mapping: ColumnMapping, load: Load, shape: Shape, device: Device) -> dict[str, Any]:
    """Every setting that the task uses: those of a preset, with what a person has changed."""
    seed(PRESET, BALANCED, allowed=PRESETS)
    seed(CHANGED, "")
    head = st.container()  # what stands in it changes; the settings below must keep their place, or they would fold up
    with head:
        changes = _changes(shape, device)
    chosen = preset(
        st.session_state[PRESET],
        task=mapping.task,
        rows=load.rows,
        shape=shape,
        device=device,
        tokens=load.tokens,
        sequences=load.sequences,
        turned=changes,
    )
    changes = _used(changes, chosen, mapping)
    settings = chosen.settings | changes
    keep(PRESET, chosen.name)
    keep(CHANGED, to_text(changes))
    st.session_state[CHANGED] = to_text(changes)
    st.session_state[PICKED] = CUSTOM if changes else chosen.name
    head.segmented_control(
        "Preset",
        [*PRESETS, *([CUSTOM] if changes else [])],
        format_func=lambda name: PRESETS.get(name, "Custom"),
        required=True,
        key=PICKED,
        label_visibility="collapsed",
        on_change=_take_preset,
        wrap=True,
    )
    with head:
        _show_choice(chosen, changes)
    with st.expander("Change settings", icon=":material/tune:"):
        groups = editable(mapping.task, {**settings, **columns_of(mapping)})
        for tab, items in zip(st.tabs(list(groups)), groups.values(), strict=True):
            with tab:
                _show_group(items, settings, chosen, shape, device)
    return settings


def _changes(shape: Shape, device: Device) -> dict[str, Any]:
    """What was changed on top of a preset; what cannot be is said and left out."""
    changes: dict[str, Any] = {}
    for entry in st.session_state[CHANGED].split(","):
        with errors_shown():
            changes |= checked(from_text(entry, taken=changes), shape, device)
    return changes


def _used(changes: dict[str, Any], chosen: Preset, mapping: ColumnMapping) -> dict[str, Any]:
    """The changes that differ from the preset and that the task, and the other settings, give a meaning."""
    values = {**chosen.settings, **changes, **columns_of(mapping)}
    return {
        name: value
        for name, value in changes.items()
        if chosen.settings.get(name, value) != value and is_used(FIELDS[name], values)
    }


def _take_preset() -> None:
    if (picked := st.session_state[PICKED]) in PRESETS:
        st.session_state[PRESET], st.session_state[CHANGED] = picked, ""


def _undo() -> None:
    st.session_state[CHANGED] = ""


def _show_choice(chosen: Preset, changes: dict[str, Any]) -> None:
    """What the preset sets otherwise than a plan that nobody changed, why, and what was changed on top."""
    words = [f"{_title(name)} **{value}**" for name, value in chosen.said().items()]
    st.markdown(f"{PRESETS[chosen.name]}: {' · '.join(words)}")
    st.caption(plain(" ".join(chosen.why)))
    if changes:
        words = [
            f"{_title(name)} **{written(FIELDS[name], value)}** instead of "
            f"{written(FIELDS[name], chosen.settings[name])}"
            for name, value in changes.items()
        ]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/edit: Changed: {' · '.join(words)}", width="content")
            st.button("Undo the changes", icon=":material/undo:", type="tertiary", on_click=_undo)


def _title(name: str) -> str:
    return FIELDS[name].metadata["title"].lower().replace("lora", "LoRA")


def _show_group(
    items: tuple[Setting, ...], settings: dict[str, Any], chosen: Preset, shape: Shape, device: Device
) -> None:
    """The settings of a group, three beside one another."""
    for start in range(0, len(items), COLUMNS):
        for column, item in zip(st.columns(COLUMNS), items[start : start + COLUMNS], strict=False):
            with column:
                if item.name == "processes" and device.count == 1:
                    with st.popover("Devices", icon=":material/memory:"):
                        st.markdown(DEVICES_HELP)
                        _show_setting(item, settings, chosen, shape, device)
                else:
                    _show_setting(item, settings, chosen, shape, device)


def _show_setting(item: Setting, settings: dict[str, Any], chosen: Preset, shape: Shape, device: Device) -> None:
    """One setting, with the plain meaning that its field carries."""
    name, key = item.name, EDITED + item.name
    more: dict[str, Any] = {"key": key, "help": item.metadata["help"], "on_change": _turn, "args": (name, chosen)}
    st.session_state[key] = settings[name]
    if choices := item.metadata.get("choices"):
        st.selectbox(item.metadata["title"], choices, format_func=lambda each: each.replace("_", " "), **more)
    elif kind(item) is bool:
        st.toggle(item.metadata["title"], **more)
    else:
        low, high = limits(item, shape, device)
        style = "%d" if kind(item) is int else "%.1e" if 0 < item.default < 1e-3 else "%g"
        number = kind(item)
        st.number_input(
            item.metadata["title"], number(low), number(high), step=number(step(item)), format=style, **more
        )
    shares = (settings[each] for each in ("batch_size", "accumulation", "processes"))
    if name == "batch_size" and (problem := uneven_batch(*shares)):
        st.caption(f":red[{problem}]")


def _turn(name: str, chosen: Preset) -> None:
    """Take over what a setting was changed to."""
    changes = from_text(st.session_state[CHANGED])
    changes[name] = st.session_state[EDITED + name]
    if changes[name] == chosen.settings[name]:
        del changes[name]
    st.session_state[CHANGED] = to_text(changes)
