"""The one error a user reads: what went wrong, and what to do about it."""


def first_line(error: BaseException) -> str:
    """What an exception says, in one line of at most 200 characters; its kind when it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


class LabError(Exception):
    """A problem that the person at the screen can fix.

    `problem` says what was expected and what came, `remedy` says what to do. Both are whole sentences in plain words;
    a page shows them as they are, the command line prints them one below the other.

    >>> str(LabError("The file is empty.", "Choose a file with at least one row."))
    'The file is empty. Choose a file with at least one row.'
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"
