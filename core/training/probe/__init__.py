"""A few steps of a plan on random words, to measure time and memory."""
