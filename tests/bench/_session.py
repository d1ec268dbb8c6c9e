"""One person at the app, without a browser: a real session over the app's own websocket.

Speaks Streamlit's protocol as its page does: asks for a page with an address, and reads what is drawn until the script
has ended. What a browser then spends on drawing is not in it, so twenty of these fit on a small machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE = 90.0  # seconds without a word from the app


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of one request: `content` is all that was drawn as it was sent, `problems` what went wrong."""

    content: bytes
    problems: tuple[str, ...]

    def shows(self, text: str) -> bool:
        return text.encode("utf-8") in self.content


class Session:
    """A session of its own; use it in one thread, with `with`."""

    def __init__(self, port: int) -> None:
        self._connection = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None, open_timeout=PATIENCE
        )

    def __enter__(self) -> Session:
        self._socket = self._connection.__enter__()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.__exit__(kind, error, trace)

    def ask(self, page: str, **address: str) -> Drawn:
        """Open a page (“inside-a-layer”) with values in its address. Raises `TimeoutError` when nothing comes."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = urlencode(address)
        self._socket.send(message.SerializeToString())
        drawn, problems, started = [], [], False
        while True:
            content = self._socket.recv(timeout=PATIENCE)
            answer = ForwardMsg.FromString(content)
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                started = True  # what came before belongs to an earlier request
            elif kind == "page_not_found":
                problems.append(f"there is no page {page}")
            elif kind == "delta":
                drawn.append(content)
                element = answer.delta.new_element
                if element.WhichOneof("type") == "exception":
                    problems.append(f"{element.exception.type}: {element.exception.message[:200]}")
                elif element.WhichOneof("type") == "alert" and "error" in element.alert.icon:
                    problems.append(element.alert.body[:200])
            elif kind == "script_finished" and started:
                return Drawn(b"".join(drawn), tuple(problems))
