"""What a model is made of, from its configuration alone: parts, settings, work, shapes. Opens no weights."""

import core.models.loading  # noqa: F401 (as in `core.explore`: one thread at a time loads transformers)
