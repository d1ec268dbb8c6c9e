"""One module a file format: bytes or text in, a table of strings out."""
