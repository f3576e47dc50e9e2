"""What a row of a table is to the audit."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
"""A row by the names of its columns, as the driver gives it."""
