"""What to know of a data set before training on it: lengths by label, typical words, repeats, leaks, scripts.

Measures and says; `core.data.dataset.recipe` fixes.
"""
