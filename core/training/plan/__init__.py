"""The plan of a training: its settings, which of them go together, and its form as YAML."""
