"""One training at work: its process, the Trainer, checkpoints, resuming, several ranks."""
