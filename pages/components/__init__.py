"""Components of our own: a folder each, with its Python, its script and its style. `base` is what several share."""
