"""From a person's file to a checked data set: reading, columns, labels, splits, profile. Trains and draws nothing."""
