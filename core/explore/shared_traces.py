"""Forward passes kept for all who look at the same text with the same model, within a bound of bytes.

A trace goes with its model: kept longer, it would keep the model's weights in memory, too.
"""

from collections.abc import Sequence

from core.explore.tokens import Tokens
from core.explore.trace import Trace, trace
from core.memory import ByteCache, release_memory
from core.models.loading import Model
from core.models.shared import is_kept, on_evict

MOST_BYTES = 2**30  # of hidden states and of what was derived: for BERT base at 512 tokens up to 116 MB a text

_Key = tuple[str, str, int, Tokens | tuple[Tokens, ...], int]
_RELEASED_AT = (
    2**27
)  # bytes of evicted traces after which they are returned to the system, which takes some milliseconds
_evicted_bytes = 0


def _count(t: Trace) -> None:
    global _evicted_bytes
    _evicted_bytes += t.bytes


_traces: ByteCache[_Key, Trace] = ByteCache(MOST_BYTES, lambda t: t.bytes, _count)


def shared_trace(model: Model, tokens: Tokens | Sequence[Tokens], *, padding: int = 0) -> Trace:
    """As `core.trace`, run once for all. Of a model that was evicted meanwhile the trace is not kept."""
    global _evicted_bytes
    tokens = tokens if isinstance(tokens, Tokens) else tuple(tokens)
    found = _traces.get(
        _key(model, tokens, padding),
        lambda: trace(model, tokens, padding=padding),
        keep_if=lambda: is_kept(model),
    )
    if _evicted_bytes > _RELEASED_AT:
        _evicted_bytes = 0
        release_memory()
    return found


def is_traced(model: Model, tokens: Tokens | Sequence[Tokens], *, padding: int = 0) -> bool:
    """Whether `shared_trace` need not wait."""
    return _key(model, tokens if isinstance(tokens, Tokens) else tuple(tokens), padding) in _traces


def bytes_kept() -> int:
    """What all shared traces take."""
    return _traces.bytes


def _key(model: Model, tokens: Tokens | tuple[Tokens, ...], padding: int) -> _Key:
    """The network's own number will do for its identity: a trace that is kept keeps its network alive."""
    return model.reference, model.title, id(model.network), tokens, padding


def _discard_of(model: Model) -> None:
    _traces.discard(lambda key, _: key[2] == id(model.network))


on_evict(_discard_of)
