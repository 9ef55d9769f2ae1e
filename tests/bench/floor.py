"""The floor: the same work by bare tools, inside the PEP's namespace, without any of our code.

libnftables in this process, and WireGuard by its own socket where it has one (wireguard-go), else by
`wg set`. Connections are not deleted here, so the floor of closing is lower than what any PEP can do.
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
    for _ in range(orders["rounds"]):
        for what in ("open", "close"):
            began = time.perf_counter()
            for step in orders[what]:
                take(library, context, orders["socket"], step)
            times[what].append((time.perf_counter() - began) * 1000)
    json.dump(times, sys.stdout)


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
