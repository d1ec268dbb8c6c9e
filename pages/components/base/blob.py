"""How numbers travel to our components: one blob of bytes, and the scripts that several of them share.

blob.js opens a blob in the browser, palette.js makes shades of colours, roving.js moves the focus by arrow keys.
"""

import json
import struct
from pathlib import Path

SHARED = ("blob.js", "palette.js", "roving.js")

_HERE = Path(__file__).parent


def blob(header: dict, body: bytes) -> bytes:
    """Length of the header (uint32), header (JSON, blanks up to a multiple of 4), body.

    >>> blob({}, b"1")
    b'\\x04\\x00\\x00\\x00{}  1'
    """
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + body


def scripts(*files: Path) -> str:
    """The files of a component as one script, with `SHARED` behind them."""
    return "".join(file.read_text("utf-8") for file in (*files, *(_HERE / name for name in SHARED)))
