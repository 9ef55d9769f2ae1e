"""Processes that a test did not start itself, by their number."""

from pathlib import Path


def is_alive(pid):
    """A process whose parent is gone may stay a zombie where nobody collects those."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
