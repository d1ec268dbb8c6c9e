"""What can be opened as a model, and opening it. Nothing here looks inside one or trains one."""
