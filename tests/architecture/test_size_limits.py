"""No file and no function grows beyond what a reader takes in at once (DESIGN section 14)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.source_files import ROOT, source_files

FILE_LINES_MOST = 400
FUNCTION_LINES_MOST = 60


def test_no_file_is_longer_than_400_lines() -> None:
    too_long = {
        str(file.relative_to(ROOT)): lines
        for file in source_files()
        if (lines := len(file.read_text().splitlines())) > FILE_LINES_MOST
    }
    assert too_long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    too_long = {
        f"{file.relative_to(ROOT)}:{function.lineno} {function.name}": lines
        for file in source_files()
        for function, lines in _functions(file)
        if lines > FUNCTION_LINES_MOST
    }
    assert too_long == {}


def _functions(file: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1
