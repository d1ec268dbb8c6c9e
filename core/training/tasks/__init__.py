"""What differs from task to task: how answers are scored and written down. One module a task."""
