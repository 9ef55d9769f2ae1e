"""CSV that no spreadsheet runs, whichever sign it splits at."""

import csv
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment import cells

RUNS = re.compile(r"[=+\-@\uff1d\uff0b\uff0d\uff20\u2212\t\r]")
tempting = st.text(st.sampled_from("=+-@\"',;|\t\r\n a1(\uff1d\u2212")) | st.text()


def read(line, delimiter):
    """Return the cells that a spreadsheet makes of a line, without the quotes and blanks that it may take off."""
    found = csv.reader([*line.removesuffix("\r\n").splitlines(keepends=True)], delimiter=delimiter)
    return [cell.strip(' "') for row in found for cell in row]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", '"plain"'),
        ("", '""'),
        (None, '""'),
        (7, '"7"'),
        ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
        ("+1", '"\'+1"'),
        ("-1", '"\'-1"'),
        ("@SUM(A1)", '"\'@SUM(A1)"'),
        ("\t=1", "\"'\t'=1\""),
        ("\r=1", "\"'\r'=1\""),
        ("\uff1d1", '"\'\uff1d1"'),
        (" =1", '" \'=1"'),
        (" \r", '" \'\r"'),
        ('a";=1', '"a"";\'=1"'),
        ("a,=1", '"a,\'=1"'),
        ("a\n=1", '"a\n\'=1"'),
        ("a-b, c=d", '"a-b, c=d"'),
    ],
)
def test_what_could_begin_a_formula_is_marked_as_text(text, written):
    assert cells.cell(text) == written


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(tempting, min_size=1, max_size=4), st.sampled_from(",;|\t"))
def test_no_cell_begins_like_a_formula_however_a_line_is_split(values, delimiter):
    assert [cell for cell in read(cells.line(values), delimiter) if RUNS.match(cell)] == []


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.text(st.characters(exclude_characters="=+-@\uff1d\uff0b\uff0d\uff20\u2212\t\r\n\x00")), min_size=1))
def test_what_no_spreadsheet_runs_is_kept_letter_by_letter(values):
    assert next(csv.reader([cells.line(values)])) == values
