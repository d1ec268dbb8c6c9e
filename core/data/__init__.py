"""From a file to a checked data set: reading, columns, corrections, splits, quality. Trains and draws nothing."""
