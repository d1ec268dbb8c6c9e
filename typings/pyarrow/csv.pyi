"""pyarrow is compiled, or makes functions while it is imported: a type checker finds few of its names."""

from typing import Any

def __getattr__(name: str) -> Any: ...
