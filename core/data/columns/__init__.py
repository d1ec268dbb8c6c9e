"""Which column plays which role in a task: proposed from the table, and checked while somebody chooses."""
