"""The one error a user reads: what went wrong, and what to do about it; and how a number stands in a sentence."""


def first_line(error: BaseException) -> str:
    """What an exception says, in one line of at most 200 characters; its kind when it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(2_000, "row"), counted(2, "row repeats", "rows repeat")
    ('1 row', '2,000 rows', '2 rows repeat')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


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
