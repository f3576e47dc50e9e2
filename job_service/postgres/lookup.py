"""Joins whose plan does not depend on statistics."""


def lookup(column: str, value: str) -> str:
    """`column = value` for a join that must look up, by the index on `column`, each row of the other side.

    Written plainly, the planner may also walk the whole index of the looked-up table, or pair each row with
    each, and does so once statistics say that the table is empty (they say it long after it was). An element
    of an array can be looked up only.
    """
    return f"{column} = ANY (ARRAY [{value}])"
