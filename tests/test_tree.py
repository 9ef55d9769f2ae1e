"""What must not be in the tree: paths of somebody's machine, and what was left behind in a hurry."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = {".git", ".venv", ".cache", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
NOT_OURS |= {"__pycache__", "artifacts", "htmlcov", "node_modules", "staticfiles", "var", "vendor"}
TEXT = {"", ".cfg", ".conf", ".css", ".html", ".js", ".json", ".md", ".mjs", ".nft", ".po", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
SOMEBODYS_MACHINE = re.compile(r"(?<![\w.}/~])/(?:home|Users|root|work)/[\w.]")
LEFT_BEHIND = re.compile(r"^(?:<{7}|>{7}) |\bTO" + r"DO\b|\bFIX" + r"ME\b|\bbreak" + r"point\(\)", re.MULTILINE)


def our_texts():
    paths = [path for path in ROOT.rglob("*") if not NOT_OURS.intersection(path.relative_to(ROOT).parts)]
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if path.suffix in TEXT and path.is_file()
    }


@pytest.mark.parametrize("unwanted", [SOMEBODYS_MACHINE, LEFT_BEHIND], ids=["paths of a machine", "left behind"])
def test_the_tree_is_clean(unwanted):
    assert {name: found for name, text in our_texts().items() if (found := unwanted.findall(text))} == {}


@pytest.mark.parametrize("text", ["cd /ho" + "me/alice/lychgate", '"/wo' + 'rk/x"', "PATH=/ro" + "ot/bin"])
def test_the_search_for_paths_sees(text):
    assert SOMEBODYS_MACHINE.search(text)


@pytest.mark.parametrize("text", ["<<<<<<< ours", "# TO" + "DO later", "break" + "point()"])
def test_the_search_for_leftovers_sees(text):
    assert LEFT_BEHIND.search(text)
