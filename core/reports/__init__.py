"""What a finished run has to show: its scores, its rows, its mistakes, beside another's."""
