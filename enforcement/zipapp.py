"""Build the agent as one file that the PEP's own python3 runs: the same bytes from the same sources.

Only `enforcement/pep` goes in, under its own package path; nothing else of the portal
ever reaches a PEP. `python -m enforcement.zipapp PATH` does it from a shell.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

SOURCES = Path(__file__).parent / "pep"
SHEBANG = b"#!/usr/bin/python3 -I\n"
MAIN = '"""Start the agent."""\n\nfrom enforcement.pep.__main__ import main\n\nmain()\n'
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold: builds do not differ by their date


def build(path: Path) -> Path:
    """Write the agent to `path` and return it. A stream that runs the old one ends by itself."""
    files = {"__main__.py": MAIN, "enforcement/__init__.py": ""}
    files |= {f"enforcement/pep/{source.name}": source.read_text(encoding="utf-8") for source in sorted(SOURCES.glob("*.py"))}
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as stream:
        stream.write(SHEBANG)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, text)
    new.chmod(0o755)
    new.replace(path)
    return path


if __name__ == "__main__":
    build(Path(sys.argv[1]))
