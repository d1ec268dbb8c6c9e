"""Components of our own: one folder each, with its Python, its script and its style."""
