"""The floor: the same work by bare tools, inside the PEP's namespace, without any of our code.

libnftables in this process, and WireGuard by its own socket where it has one (wireguard-go), else by
`wg set`; where the orders name a broker, a message's hop through it first. Connections are not deleted
here, so the floor of closing is lower than what any PEP can do.
Reads the orders as JSON on stdin, prints the milliseconds of each round as JSON.
"""

import ctypes
import json
import socket
import subprocess
import sys
import time
from pathlib import Path


def main():
    orders = json.load(sys.stdin)
    library = ctypes.CDLL("libnftables.so.1")
    library.nft_ctx_new.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    times = {"open": [], "close": []}
    hop = Hop(orders["broker"]) if "broker" in orders else lambda: None
    for _ in range(orders["rounds"]):
        for what in ("open", "close"):
            began = time.perf_counter()
            hop()
            for step in orders[what]:
                take(library, context, orders["socket"], step)
            times[what].append((time.perf_counter() - began) * 1000)
    json.dump(times, sys.stdout)


class Hop:
    """One message through a broker that speaks Redis' protocol: somebody waits for it, somebody else sends it."""

    def __init__(self, path):
        self._waits, self._sends = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        for end in (self._waits, self._sends):
            end.connect(path)

    def __call__(self):
        self._waits.sendall(b"BRPOP floor 5\r\n")
        self._sends.sendall(b"LPUSH floor message\r\n")
        if not self._sends.recv(100).startswith(b":") or b"message" not in self._waits.recv(100):
            sys.exit("the broker lost the floor's message")


def take(library, context, path, step):
    if "nft" in step:
        if library.nft_run_cmd_from_buffer(context, step["nft"].encode()):
            sys.exit("nft refused a commit of the floor")
    elif Path(path).exists():
        with socket.socket(socket.AF_UNIX) as wireguard:
            wireguard.connect(path)
            wireguard.sendall(step["lines"].encode())
            if wireguard.recv(100) != b"errno=0\n\n":
                sys.exit("WireGuard refused a change of the floor")
    else:
        subprocess.run(step["argv"], check=True)


main()
