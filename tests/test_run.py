"""A run says at its end which figures were reached and what failed, also of a file that cannot even be read."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "conftest.py": "from tests.conftest import *\n",
    "test_good.py": "def test_it(figure):\n    figure('open for', 1.5, 2)\n",
    "test_bad.py": "def test_it():\n    assert 'Zürich' == 'Genève'\n",
    "test_unreadable.py": "import nothing_of_that_name\n",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run a few tests with our own conftest; return what was printed, and what was kept for the end of a longer run."""
    folder = tmp_path_factory.mktemp("run")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        "pyproject.toml",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--continue-on-collection-errors",
    ]
    argv += [f"--failures-to={folder / 'failures'}", str(folder)]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout, (folder / "failures").read_text(encoding="utf-8")


def test_what_failed_is_kept_with_its_reason_in_whatever_letters(ran):
    assert "test_bad.py::test_it" in ran[1]
    assert "Zürich" in ran[1]


def test_a_file_that_cannot_be_read_is_kept_too(ran):
    assert "1 failed, 1 passed, 1 error" in ran[0]
    assert "test_unreadable.py" in ran[1]
    assert "nothing_of_that_name" in ran[1]


def test_a_figure_is_said_at_the_end(ran):
    assert "test_it: open for 1.50 s of 2 s" in ran[0]
    assert "test_good" not in ran[1]
