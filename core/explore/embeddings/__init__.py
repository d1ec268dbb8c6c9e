"""Vectors of tokens and texts: at any layer, compared, and put on a plane."""
