"""Every case we owe names a test that exists: docs/cases.md is held against the tests' source."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| ([A-Z]\d[^|]*) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
OTHERWISE = ("Later: ", "Nothing: ")


def rows(text):
    return dict(ROW.findall(text))


def defined(path):
    """Return the names of the tests in a file, methods of test classes included."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def gaps(text):
    """Name each row that points at no test, or at one that does not exist."""
    found = []
    for case, shown in rows(text).items():
        named = NAMED.findall(shown)
        if not named and not shown.startswith(OTHERWISE):
            found.append(f"{case} names no test")
        found += [f"{case}: there is no {path}::{name}" for path, name in named if name not in defined(path)]
    return found


def test_every_case_is_shown_by_a_test_that_exists():
    text = (ROOT / "docs/cases.md").read_text(encoding="utf-8")
    assert len(rows(text)) > 90
    assert gaps(text) == []


def test_the_tests_that_security_names_exist():
    named = NAMED.findall((ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    assert [f"{path}::{name}" for path, name in named if name not in defined(path)] == []


def test_every_fault_has_its_row():
    text = (ROOT / "docs/cases.md").read_text(encoding="utf-8")
    assert [case for case in rows(text) if case.startswith("F")] == [f"F{number}" for number in range(1, 31)]


def test_signing_in_has_all_its_rows():
    text = (ROOT / "docs/cases.md").read_text(encoding="utf-8")
    assert [case for case in rows(text) if case.startswith("O")] == [f"O{number}" for number in range(1, 29)]


@pytest.mark.parametrize(
    ("row", "gap"),
    [
        ("| X1 | something | nobody knows |", "X1 names no test"),
        ("| X1 | something | open |", "X1 names no test"),
        ("| X1 | something | `tests/test_cases.py::test_of_nothing` |", "X1: there is no tests/test_cases.py::test_of_nothing"),
        ("| X1 | something | `tests/nowhere.py::test_it` |", "X1: there is no tests/nowhere.py::test_it"),
    ],
)
def test_a_gap_is_seen(row, gap):
    assert gaps(row) == [gap]
