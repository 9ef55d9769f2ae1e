"""Services of a LAN host: echo and push over TCP and UDP, and a control channel that speaks FTP's one important line.

usage: services.py SECONDS ADDRESS... ; prints "ready" once every port is open, ends by itself.
"""

from __future__ import annotations

import asyncio
import sys

EVERY = 0.02  # seconds between two pushed bytes
TCP_ECHO, TCP_PUSH, UDP_ECHO, UDP_PUSH, FTP, UNLISTED = 445, 139, 137, 138, 21, 2121
PUSH_SECONDS = 30


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await serve(writer, copy(reader, writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


async def push(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await serve(writer, tick(writer))


async def tick(writer: asyncio.StreamWriter) -> None:
    for _ in range(int(PUSH_SECONDS / EVERY)):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(EVERY)


async def ftp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce the unlisted port as a passive data port, so that a conntrack helper expects it."""
    await serve(writer, announce(reader, writer))


async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    address = writer.get_extra_info("sockname")[0]
    writer.write(b"220 ready\r\n")
    while await reader.readline():
        numbers = ",".join([*address.split("."), str(UNLISTED // 256), str(UNLISTED % 256)])
        v6 = f"229 Entering Extended Passive Mode (|||{UNLISTED}|)\r\n"
        writer.write(v6.encode() if ":" in address else f"227 Entering Passive Mode ({numbers}).\r\n".encode())


async def serve(writer: asyncio.StreamWriter, work) -> None:
    try:
        await work
    except OSError:
        pass  # the other side is gone, or cut off: what the lab is for
    finally:
        writer.close()


class UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: tuple) -> None:
        self.transport.sendto(data, source)


class UdpPush(UdpEcho):
    """Answer the first datagram of a source with a numbered one every EVERY seconds, whatever the source does afterwards."""

    def __init__(self) -> None:
        self.pushing: dict[tuple, asyncio.Task] = {}

    def datagram_received(self, data: bytes, source: tuple) -> None:
        if source not in self.pushing:
            self.pushing[source] = asyncio.get_running_loop().create_task(self.push(source))

    async def push(self, source: tuple) -> None:
        for number in range(int(PUSH_SECONDS / EVERY)):
            self.transport.sendto(str(number).encode(), source)
            await asyncio.sleep(EVERY)


async def main(seconds: float, addresses: list[str]) -> None:
    loop = asyncio.get_running_loop()
    for address in addresses:
        for handler, port in ((echo, TCP_ECHO), (push, TCP_PUSH), (ftp, FTP), (echo, UNLISTED)):
            await asyncio.start_server(handler, address, port)
        await loop.create_datagram_endpoint(UdpEcho, (address, UDP_ECHO))
        await loop.create_datagram_endpoint(UdpPush, (address, UDP_PUSH))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
