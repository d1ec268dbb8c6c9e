"""The scores of every task, as pure functions. One module a task; reads and writes nothing, knows no torch.

Each task's module has

- `quick(…)`: the loss and the few scores drawn while it trains; a loss that is NaN stays NaN, for the trainer to see;
- `full(…)`: everything in `evaluation/metrics.json`, finite numbers only, with the baseline that a model has to beat.

Which of them are drawn, choose the best moment and are shown at the end is said by the task (`core.tasks`).

`counts` holds precision, recall and F1 from counts, `proportion` the intervals of shares and `bootstrap` all others,
`finite` the check for NaN.
"""
