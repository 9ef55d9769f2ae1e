"""How verbs take rows: so that others may still refer to them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TAKEN = re.compile(r"select_for_update\(((?:[^()]|\([^()]*\))*)\)")


def heavy_locks(source):
    return [arguments for arguments in TAKEN.findall(source) if "no_key=True" not in arguments]


@pytest.mark.parametrize("package", ["enrollment", "enforcement", "portal"])
def test_a_row_is_taken_so_that_a_new_row_may_point_at_it(package):
    """On PostgreSQL a foreign key waits for a plain FOR UPDATE at commit, at the end of the log: two verbs would wait for each other."""
    found = {str(path): heavy_locks(path.read_text(encoding="utf-8")) for path in (ROOT / package).rglob("*.py")}
    assert {path: locks for path, locks in found.items() if locks} == {}


def test_a_heavy_lock_is_seen():
    assert heavy_locks('Device.objects.select_for_update(of=("self",)).get()\nUser.objects.select_for_update(no_key=True)') == [
        'of=("self",)'
    ]
