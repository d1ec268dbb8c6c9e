"""What `scripts/train_builtin.py` is made of: text to piece ids, ids to masked batches, batches to trained weights."""
