"""Looking inside a model: tokens, forward passes, and what follows from them."""

# transformers loads its parts when they are first named, and two threads that do so at once find some of them half
# loaded. Python lets one thread at a time import this module, and so all that comes after it.
import core.models.loading  # noqa: F401
