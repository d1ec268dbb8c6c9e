"""Predicting with a trained model, for every task: texts or a table in, answers out."""
