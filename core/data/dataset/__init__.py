"""From a table to checked examples: rows selected, corrected, fixed, looked at and split. Keeps nothing on disk."""
