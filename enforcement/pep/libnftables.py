"""Run nft commands inside this process, through libnftables.

A commit costs a fraction of a millisecond here, and two to eighteen as a spawned `nft`
(FACTS R22). One context is kept for the agent's life. The text it runs is rendered by
`nft.py` and `ruleset.py` from typed values only.
"""

from __future__ import annotations

import ctypes

LIBRARY = "libnftables.so.1"
STATELESS, TERSE = 1 << 2, 1 << 11


class NftError(Exception):
    """nft refused the commands; nothing of that transaction was applied."""


class Libnftables:
    """One libnftables context: commands in, listing out."""

    def __init__(self) -> None:
        """Load the library and turn its printing into strings."""
        self._library = _load()
        self._context = self._library.nft_ctx_new(0)
        if not self._context:
            raise NftError("libnftables gave no context")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str, flags: int = 0) -> str:
        """Run the commands as one transaction and return what they print. Raises NftError."""
        self._library.nft_ctx_output_set_flags(self._context, flags)
        code = self._library.nft_run_cmd_from_buffer(self._context, commands.encode("ascii"))
        printed = self._library.nft_ctx_get_output_buffer(self._context) or b""
        error = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if code:
            raise NftError(_first_line(error))
        return str(printed, "utf-8", "replace")

    def listing(self, table: str) -> str | None:
        """Return the table as text, without the elements of its sets; None where there is no such table."""
        try:
            return self.run(f"list table inet {table}", STATELESS | TERSE)
        except NftError as error:
            if "No such file or directory" in str(error):
                return None
            raise


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(LIBRARY)
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    return library


def _first_line(error: bytes) -> str:
    lines = str(error, "utf-8", "replace").splitlines()
    return lines[0][:300] if lines else "nft refused without saying why"
