"""From texts to batches of numbers, for every kind of example. Knows no training."""
