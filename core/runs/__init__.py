"""Run folders and the processes behind them. Knows no task and no model: it starts the worker as a command."""
