"""The attention view against bertviz's head view, on a random BERT-base (12 layers × 12 heads): bytes, and waiting.

Ours is measured in the running app, in Chromium, on a switch of the layer: the forward pass is done by then, and what
is left is what a person waits for. Bytes are those of the messages that the switch brings. The rival's bytes are
bertviz's own page (`head_view(..., html_action="return")`, all layers, without the d3 and jQuery it loads from the
network); its time is that of its drawing code alone, from an offline page with one layer, until its lines are there.
"""

import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers
from playwright.sync_api import Browser, Page, expect

from core import open_model, tokenize, trace
from core.explore.attention.bertviz_views import head_view
from core.explore.trace import Trace
from core.models import catalogue
from tests.bench._browser import chromium, fresh_app
from tests.browser.conftest import settled

LENGTHS = (16, 64, 128, 512)
RIVAL_LENGTHS = (16, 64, 128)
LAYERS = (3, 5, 7)
DRAG_SECONDS = 3.0
COUNT_FRAMES = """() => {
    window.frames_seen = [];
    const note = (time) => { window.frames_seen.push(time); window.counting = requestAnimationFrame(note); };
    window.counting = requestAnimationFrame(note);
}"""
HOVER = """(token) => new Promise((done) => {
    const { left, top, width, height } = token.getBoundingClientRect();
    const place = { clientX: left + width / 2, clientY: top + height / 2, pointerType: "mouse" };
    const start = performance.now();
    token.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, composed: true, ...place }));
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


def run() -> Iterator[dict[str, Any]]:
    """Yield `attention.megabytes.N`, `attention.seconds.N`, `attention.bytes_saved.N` and what 512 tokens answer."""
    with chromium() as browser, fresh_app() as app:
        model_folder = app.workspace / "runs" / "base" / "model"
        _save_random_base(model_folder)
        model = open_model(str(model_folder))
        for length in LENGTHS:
            ours = _ours(browser, app.base_url, length)
            yield _result(f"attention.megabytes.{length}", ours["bytes"] / 1e6, "megabytes", "none", ours)
            yield _result(f"attention.seconds.{length}", ours["seconds"], "seconds", "none", ours)
            if length in RIVAL_LENGTHS:
                theirs = _theirs(browser, trace(model, tokenize(model, _text(length))))
                saved = theirs["bytes"] / ours["bytes"]
                yield _result(f"attention.bytes_saved.{length}", saved, "times", "bertviz's head view", theirs)
            else:
                frames = ours["frames_per_second"]
                yield _result(f"attention.frames_per_second.{length}", frames, "frames per second", "none", {})


def _result(name: str, value: float, unit: str, rival: str, detail: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "value": round(value, 3), "unit": unit, "rival": rival, "detail": detail}


def _save_random_base(folder: Path) -> None:
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    transformers.BertForMaskedLM(transformers.BertConfig(initializer_range=0.05)).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(catalogue.BUILTIN_FOLDER).save_pretrained(folder)


def _text(length: int) -> str:
    return " ".join(["the cat sat on a mat by an old door"] * 60).rsplit(maxsplit=602 - length)[0]


def _ours(browser: Browser, base_url: str, length: int) -> dict[str, Any]:
    """Bytes and seconds of a switch of the layer; at 512 tokens also hovering and dragging."""
    page = browser.new_page(base_url=base_url, viewport={"width": 1280, "height": 900})
    received: list[int] = []
    page.on("websocket", lambda channel: channel.on("framereceived", lambda frame: received.append(len(frame))))
    page.goto("/attention?model=base&heads=all")
    view = page.locator(".attention")
    expect(view).to_have_attribute("data-drawn", "true", timeout=120_000)
    field = page.get_by_label("Text", exact=True)
    field.fill(_text(length))
    field.press("Enter")
    expect(page.locator('.token[data-side="query"]')).to_have_count(length, timeout=120_000)
    settled(page)
    expect(view).to_have_attribute("data-drawn", "true", timeout=120_000)
    seconds, sizes = [], []
    for layer in LAYERS:
        before = sum(received)
        start = time.perf_counter()
        page.get_by_role("radiogroup", name="Layer").get_by_role("radio", name=str(layer), exact=True).click()
        expect(page.locator("canvas.resting")).to_have_attribute("aria-label", _mentions(layer), timeout=60_000)
        expect(view).to_have_attribute("data-drawn", "true", timeout=60_000)
        seconds.append(time.perf_counter() - start)
        settled(page)
        sizes.append(sum(received) - before)
    found = {
        "bytes": median(sizes),
        "seconds": round(median(seconds), 2),
        "all_seconds": [round(s, 2) for s in seconds],
    }
    if length == max(LENGTHS):
        found |= _pointing(page)
    page.close()
    return found


def _mentions(layer: int) -> re.Pattern[str]:
    return re.compile(rf"layer {layer}\b")


def _pointing(page: Page) -> dict[str, Any]:
    tokens = page.locator('.token[data-side="query"]')
    tokens.nth(5).hover()
    hovers = [tokens.nth(place).evaluate(HOVER) for place in range(6, 26)]
    box = tokens.nth(5).bounding_box()
    page.evaluate(COUNT_FRAMES)
    end = time.monotonic() + DRAG_SECONDS
    step = 0
    while time.monotonic() < end:
        step += 1
        page.mouse.move(box["x"] + 10, box["y"] + (step * 7) % 400)
    frames = page.evaluate("() => { cancelAnimationFrame(window.counting); return window.frames_seen; }")
    return {
        "hover_milliseconds": round(median(hovers), 1),
        "frames_per_second": round((len(frames) - 1) / (frames[-1] - frames[0]) * 1000, 1),
    }


def _theirs(browser: Browser, t: Trace) -> dict[str, Any]:
    """Bytes of bertviz's own page; seconds until its lines are drawn, offline and one layer only."""
    from bertviz import head_view as rival

    attention = [t[f"layer.{number}.probabilities"][None].clone() for number in range(t.layers)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files open
        start = time.perf_counter()
        size = len(rival(attention, list(t.tokens.tokens), html_action="return").data.encode())
        made = time.perf_counter() - start
    page = browser.new_page()
    start = time.perf_counter()
    page.set_content(head_view(t, layers=[3]))
    page.locator("svg line").first.wait_for(state="attached", timeout=120_000)
    drawn = time.perf_counter() - start
    page.close()
    return {"bytes": size, "seconds_to_make": round(made, 2), "seconds_to_draw_one_layer": round(drawn, 2)}
