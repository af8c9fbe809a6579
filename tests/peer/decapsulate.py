# SPDX-License-Identifier: BSD-3-Clause
"""decapsulate.py ipip|gre|gue: the receiving end of a tunnel, for kernels that have none.

Takes the packets out that arrive for any address of this host, over IPv4 and IPv6, and gives them to the kernel by a
TUN device as if they had come by it: RFC 2003, RFC 2473, RFC 2784, and GUE of variant 0 as Linux' fou has it.
"""

import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
GUE_PORT = 6080


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def sockets(kind):
    """Each with whether the outer IPv4 header comes along."""
    if kind == "gue":
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Over IPv6 the checksum is zero, which has to be asked for (RFC 6935).
        made.setsockopt(socket.IPPROTO_UDP, 102, 1)  # UDP_NO_CHECK6_RX
        made.bind(("::", GUE_PORT))
        return [(made, False)]
    protocols = {"ipip": (4, 41), "gre": (47,)}[kind]
    return [(socket.socket(family, socket.SOCK_RAW, protocol), family == socket.AF_INET)
            for family in (socket.AF_INET, socket.AF_INET6) for protocol in protocols]


def inner(kind, packet, with_header):
    if with_header:
        packet = packet[(packet[0] & 15) * 4:]
    if kind == "gre":
        flags, _ = struct.unpack("!HH", packet[:4])
        return packet[4:] if flags == 0 else None
    if kind == "gue":
        # Variant 0, no control message, no options.
        return packet[4:] if packet[0] == 0 and packet[2:4] == b"\0\0" else None
    return packet


def main():
    kind = sys.argv[1]
    device = tun("tun0")
    sources = dict(sockets(kind))
    print("ready", flush=True)
    while True:
        for source in select.select(list(sources), [], [])[0]:
            packet = inner(kind, source.recv(65535), sources[source])
            if packet:
                os.write(device, packet)


if __name__ == "__main__":
    main()
