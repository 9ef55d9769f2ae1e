"""What is installed is pinned, hashed, and says nothing about where it comes from."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ["requirements.txt", "requirements-headless.txt", "requirements-dev.txt", "tests/providers/canaille/requirements.txt"]
INSTALLERS = ["pyproject.toml", "Makefile", ".ci/run", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "deploy/bare").iterdir()))]
NODE = ["tests/providers/node", "tests/e2e/lighthouse"]
PIN = re.compile(r"^[a-z0-9-]+(\[[a-z0-9,-]+\])?==[^ ]+( ; .+)? \\$")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def entries(name):
    """Each requirement of a lock: its first line, and the hashes below it."""
    lines = [line for line in read(name).splitlines() if not line.startswith("#")]
    starts = [at for at, line in enumerate(lines) if not line.startswith(" ")]
    return [(lines[at], lines[at + 1 : end]) for at, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


@pytest.mark.parametrize(
    "name", [*LOCKS, *(f"{folder}/{name}" for folder in NODE for name in ("package.json", "package-lock.json")), *INSTALLERS]
)
def test_nothing_that_installs_names_a_host(name):
    assert "://" not in read(name)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_by_version_and_hash(name):
    loose = [first for first, hashes in entries(name) if not PIN.match(first) or not hashes]
    assert entries(name)
    assert loose == []
    assert {line.strip()[:14] for _, hashes in entries(name) for line in hashes} == {"--hash=sha256:"}


@pytest.mark.parametrize("smaller", ["requirements.txt", "requirements-headless.txt"])
def test_what_is_shipped_is_what_is_tested(smaller):
    tested = {first for first, _ in entries("requirements-dev.txt")}
    assert {first for first, _ in entries(smaller)} - tested == set()


@pytest.mark.parametrize("folder", NODE)
def test_the_lock_of_node_pins_every_package_by_version_and_hash(folder):
    packages = json.loads(read(f"{folder}/package-lock.json"))["packages"]
    asked = packages.pop("")["dependencies"]
    assert asked == json.loads(read(f"{folder}/package.json"))["dependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert [path for path, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []
    assert [path for path, entry in packages.items() if "hasInstallScript" in entry] == []
    assert [path for path, entry in packages.items() if "latest" in entry.get("dependencies", {}).values()] == []  # pins nothing
