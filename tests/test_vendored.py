"""What a browser loads comes from us, and is what its makers published."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static/vendor"
OWN = [
    *sorted((ROOT / "templates").rglob("*.*")),
    *(path for path in sorted((ROOT / "static").rglob("*.*")) if path.suffix in {".css", ".js"} and VENDOR not in path.parents),
]
# Something a browser would fetch: an attribute, a CSS url(), an import; a link that a person follows (href of an a) may lead away.
FETCHES = re.compile(
    r"""(?:\b(?:src|srcset|action|poster|data|formaction)\s*=\s*["']?\s*"""
    r"""|<link\b[^>]*\bhref\s*=\s*["']?\s*|url\(\s*["']?\s*|@import\s*["']\s*|\bfrom\s*["']|\bimport\s*\(?\s*["']|\bfetch\(\s*["'`]"""
    r"""|\bhx-(?:get|post|put|patch|delete)\s*=\s*["']?\s*)(?:https?:|wss?:)?//""",
    re.IGNORECASE,
)


def hashes():
    lines = (VENDOR / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_every_vendored_file_is_the_one_whose_hash_we_noted():
    files = {str(path.relative_to(VENDOR)): path for path in VENDOR.rglob("*") if path.is_file() and path.name != "SHA256SUMS"}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == hashes()


@pytest.mark.parametrize("name", ["pico", "uqr"])
def test_a_vendored_asset_brings_its_licence(name):
    assert (VENDOR / name / "LICENSE").stat().st_size > 0


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_fetches_from_another_host(path):
    assert FETCHES.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        '<script src="https://cdn.example/x.js"></script>',
        "<img src=//cdn.example/x.png>",
        '<link rel="stylesheet" href="https://cdn.example/x.css">',
        "background: url('https://cdn.example/x.png')",
        '@import "//cdn.example/x.css";',
        'import { encode } from "https://cdn.example/x.js";',
        'const module = await import("https://cdn.example/x.js");',
        'fetch("https://elsewhere.example/")',
        '<form action="https://elsewhere.example/">',
        '<div hx-get="https://elsewhere.example/">',
    ],
)
def test_the_search_for_other_hosts_sees(line):
    assert FETCHES.search(line)


@pytest.mark.parametrize(
    "line",
    [
        '<script src="{% static "enrol.js" %}"></script>',
        '<a href="https://www.wireguard.com/install/">WireGuard</a>',
        'document.createElementNS("http://www.w3.org/2000/svg", "svg")',
        'import { encode } from "./vendor/uqr/uqr.js";',
        "// see the manual: from here on //",
    ],
)
def test_the_search_for_other_hosts_lets_the_rest_be(line):
    assert not FETCHES.search(line)
