"""Try many doors at once, and say of each what the person there would see.

usage: probe.py SECONDS '[{"kind": "tcp", "to": "10.89.65.2", "port": 445, "from": "10.89.0.9"?}, ...]'
kinds: tcp, udp (send one datagram of "size", wait for an answer), ping, ftp (ask for a data
port on "to", then knock at "then" while the control connection lives). Prints one JSON list of
"connected" (or answered), "refused" (an answer that says no), "reset", "silent".
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading

TRANSPARENT = {socket.AF_INET: (socket.SOL_IP, 19), socket.AF_INET6: (socket.IPPROTO_IPV6, 75)}


def probe(spec: dict, seconds: float) -> str:
    family = socket.AF_INET6 if ":" in spec["to"] else socket.AF_INET
    try:
        with make_socket(spec, family) as sock:
            sock.settimeout(seconds)
            sock.connect((spec["to"], spec.get("port", 0)))
            if spec["kind"] == "udp":
                sock.send(b"?" * spec.get("size", 1))
                sock.recv(65535)
            if spec["kind"] == "ping":
                return ping(sock, family)
            if spec["kind"] == "ftp":
                sock.recv(1000)
                sock.send(b"EPSV\r\n" if family == socket.AF_INET6 else b"PASV\r\n")
                sock.recv(1000)
                return probe(spec["then"], seconds)
    except TimeoutError:
        return "silent"
    except ConnectionResetError:
        return "reset"
    except OSError:
        return "refused"
    return "connected"


def make_socket(spec: dict, family: int) -> socket.socket:
    if spec["kind"] == "ping":
        return socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP)
    sock = socket.socket(family, socket.SOCK_DGRAM if spec["kind"] == "udp" else socket.SOCK_STREAM)
    if "from" in spec:  # also an address that belongs to somebody else
        sock.setsockopt(*TRANSPARENT[family], 1)
        sock.bind((spec["from"], spec.get("sport", 0)))
    return sock


def ping(sock: socket.socket, family: int) -> str:
    kind = 128 if family == socket.AF_INET6 else 8
    head = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, 1)
    total = sum(struct.unpack("!4H", head))
    sock.send(head[:2] + struct.pack("!H", 0xFFFF & ~((total & 0xFFFF) + (total >> 16))) + head[4:])
    while True:
        answer = sock.recv(2000)
        icmp = answer if family == socket.AF_INET6 else answer[(answer[0] & 15) * 4 :]
        if icmp[0] in {0, 129}:
            return "connected"
        if icmp[0] in {1, 3}:
            return "refused"


def main() -> None:
    specs, results = json.loads(sys.argv[2]), {}

    def work(index: int, spec: dict) -> None:
        results[index] = probe(spec, float(sys.argv[1]))

    threads = [threading.Thread(target=work, args=item) for item in enumerate(specs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps([results[index] for index in range(len(specs))]))


if __name__ == "__main__":
    main()
