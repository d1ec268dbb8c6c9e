"""How numbers travel to our components: one blob of bytes, and the scripts that several of them share.

blob.js opens a blob in the browser, palette.js makes shades of the theme's colours.
"""

import json
import struct
from pathlib import Path

_HERE = Path(__file__).parent


def blob(header: dict, body: bytes) -> bytes:
    """Length of the header (uint32), header (JSON, blanks up to a multiple of 4), body.

    >>> blob({}, b"1")
    b'\\x04\\x00\\x00\\x00{}  1'
    """
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + body


def scripts(*names: str) -> str:
    """The named files of this folder as one script, blob.js and palette.js with them."""
    return "".join((_HERE / name).read_text("utf-8") for name in (*names, "blob.js", "palette.js"))
