"""A plan as people fill it in: settings to edit, presets, the command line, and the check before a start."""
