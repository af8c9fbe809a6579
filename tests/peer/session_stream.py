# SPDX-License-Identifier: BSD-3-Clause
"""Streams of sessions as vnfs/firewall/session_stream.h describes them, made without the code that reads them."""

import ipaddress
import struct

NO_NAME = 0xFFFFFFFF
ESTABLISHED = 4  # flow::TcpState


def crc32c(data):
    """RFC 3720 appendix B.4, bit by bit over a table of bytes."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def _row(byte):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_row(byte) for byte in range(256)]


def frame(kind, payload):
    head = struct.pack(">B3xI", kind, len(payload)) + payload
    return head + struct.pack(">I", crc32c(head))


def name(kind, number, text):
    return frame(1, struct.pack(">BI", kind, number) + text.encode())


def session(source, source_port, destination, destination_port, idle_ms=0):
    """An established TCP connection over IPv4 of rule 0, from interface 0 to interface 1, in domain 0."""
    side = struct.pack(">IIHBB", 1000, 1000, 65535, 7, 0)
    return (struct.pack(">BBBB", 4, 6, ESTABLISHED, 1) + ipaddress.ip_address(source).packed.ljust(16, b"\0")
            + ipaddress.ip_address(destination).packed.ljust(16, b"\0")
            + struct.pack(">HHIIII", source_port, destination_port, 0, 0, 1, 0) + side * 2
            + struct.pack(">QQQQII", 10, 10, 1000, 1000, 60_000, idle_ms) + struct.pack(">BBBBIIH", 0, 0, 0, 2, 0, 0, 0))


def stream(sessions, rule="web", interfaces=("trust", "untrust"), version=1):
    out = b"MRSESSN\n" + struct.pack(">H6x", version)
    out += name(1, 0, rule) + b"".join(name(2, i, each) for i, each in enumerate(interfaces)) + name(3, 0, "default")
    for at in range(0, len(sessions), 256):
        out += frame(2, b"".join(sessions[at:at + 256]))
    return out + frame(3, struct.pack(">Q", len(sessions)))
