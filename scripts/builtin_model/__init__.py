"""What `scripts/train_builtin.py` is made of: text to token ids, ids to masked batches, batches to trained weights."""
