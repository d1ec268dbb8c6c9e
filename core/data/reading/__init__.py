"""From a file to a table of strings: what it is, how it is encoded, one module a format. Knows no label, no task."""
