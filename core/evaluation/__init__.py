"""After a training: reading its scores, and predicting with its model."""
