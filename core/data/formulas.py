"""Keeps a spreadsheet from running what stands in a cell. Changes nothing that stays inside the lab."""

_STARTS = ("=", "+", "-", "@", "\t", "\r")


def escape_formula(cell: str) -> str:
    """The cell with ' before it when a spreadsheet would take it for a formula (OWASP, “CSV injection”).

    >>> escape_formula("=1+1"), escape_formula("1+1")
    ("'=1+1", '1+1')
    """
    return f"'{cell}" if cell.startswith(_STARTS) else cell
