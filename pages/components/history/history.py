"""One entry of the browser's history for a page or a view: history.js, put before Streamlit's own scripts.

It cannot be a component: while the first page opens, Streamlit writes the address before it has loaded any.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_SOURCE = Path(__file__).with_suffix(".js").read_text("utf-8")
_HEAD = b"<head>"
# Compressed, or “not modified”, the page could not be changed here; it is small.
_LEFT_OUT = {b"accept-encoding", b"if-none-match", b"if-modified-since"}
_OF_THE_FILE = {b"content-length", b"etag", b"last-modified", b"accept-ranges"}


class OneEntryAStep:
    """Puts the script at the head of every page (ASGI middleware). All other answers pass as they are.

    `steps` are the names in the address of what is a step within a page, such as its view.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], *, steps: Sequence[str]) -> None:
        self.app = app
        self.head = _HEAD + f"<script>{_SOURCE.replace('__STEPS__', json.dumps(steps))}</script>".encode()

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if scope.get("method") != "GET" or b"text/html" not in dict(scope["headers"]).get(b"accept", b""):
            await self.app(scope, receive, send)
            return
        asked = [(name, value) for name, value in scope["headers"] if name not in _LEFT_OUT]
        start: Message | None = None  # of a page, held back until its length is known
        body = b""

        async def send_with_script(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    body = body.replace(_HEAD, self.head, 1)
                    kept = [(name, value) for name, value in start["headers"] if name not in _OF_THE_FILE]
                    await send(start | {"headers": [*kept, (b"content-length", str(len(body)).encode())]})
                    await send({"type": "http.response.body", "body": body})

        await self.app(scope | {"headers": asked}, receive, send_with_script)


def _is_page(start: Message) -> bool:
    return start["status"] == 200 and dict(start["headers"]).get(b"content-type", b"").startswith(b"text/html")
