"""Switchyard protocol version 1, and the packets that ride on it.

Written from the description of the wire format; Python 3.10 or later, standard
library only. A message is, all big endian:

    length u32 (of what follows), version u16, type u16, endpoint u32, flags u32, payload
"""

import asyncio
import json
import struct

VERSION = 1
HEADER = struct.Struct("!IHHII")
LENGTH_MIN, LENGTH_MAX = 12, 12 + 65536

HELLO, WELCOME = 1, 2
ENDPOINT_CREATE, ENDPOINT_CREATED = 10, 11
ENDPOINT_LOOKUP, ENDPOINT_INFO = 12, 13
SUBSCRIBE, SUBSCRIBED = 20, 21
PACKET_OUT, PACKET_IN = 30, 31
ERROR = 100


def message(kind, endpoint=0, flags=0, payload=b""):
    return HEADER.pack(LENGTH_MIN + len(payload), VERSION, kind, endpoint, flags) + payload


def control(kind, body, endpoint=0, flags=0):
    return message(kind, endpoint, flags, json.dumps(body).encode())


class ProtocolError(Exception):
    """What came is no message: the connection is of no use any more."""


class FabricError(Exception):
    """What the fabric answered a question with."""


async def read_message(reader):
    """One message as (type, endpoint, flags, payload)."""
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    if not LENGTH_MIN <= length <= LENGTH_MAX:
        raise ProtocolError(f"bad message length: {length}")
    body = await reader.readexactly(length)
    version, kind, endpoint, flags = struct.unpack_from("!HHII", body)
    if version != VERSION:
        raise ProtocolError(f"protocol version mismatch: {version} != {VERSION}")
    return kind, endpoint, flags, body[12:]


class Client:
    """A connection to a fabric. One task alone reads: answers to questions go to
    one queue, frames to another. Frames for which that has no room are dropped and
    counted, so that answers behind them still arrive."""

    FRAMES_MAX = 1024

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.answers, self.frames = asyncio.Queue(), asyncio.Queue()
        self.dropped = self.refused = 0
        self.lost = None  # why the connection ended
        self.asking = asyncio.Lock()
        self.pump = asyncio.create_task(self._pump())

    @classmethod
    async def connect(cls, name, host="127.0.0.1", port=9999):
        self = cls(*await asyncio.open_connection(host, port))
        await self._ask(control(HELLO, {"client_name": name}), WELCOME)
        return self

    async def _pump(self):
        try:
            while True:
                kind, endpoint, flags, payload = await read_message(self.reader)
                if kind == PACKET_IN:
                    if self.frames.qsize() < self.FRAMES_MAX:
                        self.frames.put_nowait((endpoint, flags, payload))
                    else:
                        self.dropped += 1
                elif kind == ERROR and b'"PACKET_OUT: ' in payload:
                    self.refused += 1  # of a frame: it answers no question
                else:
                    self.answers.put_nowait((kind, payload))
        except (asyncio.IncompleteReadError, ConnectionError, ProtocolError) as err:
            self.lost = ConnectionError(f"connection lost: {err}")
            self.answers.put_nowait(None)
            self.frames.put_nowait(None)

    async def _ask(self, question, want):
        async with self.asking:
            if self.lost:
                raise self.lost
            self.writer.write(question)
            await self.writer.drain()
            answer = await self.answers.get()
        if answer is None:
            raise self.lost
        kind, payload = answer
        body = json.loads(payload or b"{}")
        if kind != want:
            raise FabricError(body.get("error", f"answer of type {kind}"))
        return body

    async def create(self, name, mac=None):
        """Creates an endpoint: its endpoint_id, name and mac."""
        body = {"name": name} if mac is None else {"name": name, "mac": mac}
        return await self._ask(control(ENDPOINT_CREATE, body), ENDPOINT_CREATED)

    async def lookup(self, name):
        return await self._ask(control(ENDPOINT_LOOKUP, {"name": name}), ENDPOINT_INFO)

    async def wait_for(self, name, every=0.2):
        """Looks an endpoint up until it is there."""
        while True:
            try:
                return await self.lookup(name)
            except FabricError as err:
                if "no such endpoint" not in str(err):
                    raise
                await asyncio.sleep(every)

    async def subscribe(self, endpoint, promisc=False):
        body = {"endpoint_id": endpoint, "promisc": promisc}
        return await self._ask(control(SUBSCRIBE, body, endpoint, int(promisc)), SUBSCRIBED)

    async def send(self, endpoint, frame):
        self.writer.write(message(PACKET_OUT, endpoint, 0, frame))
        await self.writer.drain()

    async def recv(self):
        """The next frame as (endpoint, flags, frame), or ConnectionError."""
        if self.lost and self.frames.empty():
            raise self.lost
        frame = await self.frames.get()
        if frame is None:
            raise self.lost
        return frame

    async def close(self):
        self.pump.cancel()
        self.writer.close()


# Packets.

IPV4, ARP = 0x0800, 0x0806
BROADCAST = b"\xff" * 6


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def ip_bytes(text):
    return bytes(int(n) for n in text.split("."))


def ip_text(b):
    return ".".join(str(n) for n in b)


def checksum(b):
    if len(b) % 2:
        b += b"\0"
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def ethernet(dst, src, kind, payload):
    return dst + src + struct.pack("!H", kind) + payload


def udp_frame(dst_mac, src_mac, src_ip, dst_ip, src_port, dst_port, payload):
    size = 8 + len(payload)
    udp = struct.pack("!HHHH", src_port, dst_port, size, 0) + payload
    c = checksum(src_ip + dst_ip + struct.pack("!BBH", 0, 17, size) + udp) or 0xFFFF
    udp = udp[:6] + struct.pack("!H", c) + udp[8:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + size, 0, 0, 64, 17, 0, src_ip, dst_ip)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ethernet(dst_mac, src_mac, IPV4, ip + udp)


def parse_udp(frame):
    """(src_mac, dst_mac, src_ip, dst_ip, src_port, dst_port, payload), or None for
    anything but a whole UDP datagram."""
    if len(frame) < 14 + 20 + 8 or frame[12:14] != b"\x08\x00":
        return None
    ip = frame[14:]
    header, total, flags = (ip[0] & 15) * 4, *struct.unpack_from("!H", ip, 2), *struct.unpack_from("!H", ip, 6)
    if ip[0] >> 4 != 4 or header < 20 or not header + 8 <= total <= len(ip) or flags & 0x3FFF or ip[9] != 17:
        return None
    udp = ip[header:total]
    src_port, dst_port, size = struct.unpack_from("!HHH", udp)
    if not 8 <= size <= len(udp) or checksum(ip[:header]):
        return None
    return frame[6:12], frame[:6], ip[12:16], ip[16:20], src_port, dst_port, udp[8:size]


ARP_HEAD = struct.pack("!HHBB", 1, IPV4, 6, 4)


def arp_frame(dst, operation, src_mac, src_ip, target_mac, target_ip):
    return ethernet(dst, src_mac, ARP, ARP_HEAD + struct.pack("!H", operation) + src_mac + src_ip + target_mac + target_ip)


def parse_arp(frame):
    """(operation, sender_mac, sender_ip, target_ip), or None."""
    if len(frame) < 14 + 28 or frame[12:14] != b"\x08\x06" or frame[14:20] != ARP_HEAD:
        return None
    return struct.unpack_from("!H", frame, 20)[0], frame[22:28], frame[28:32], frame[38:42]


def add_fabric_flags(parser):
    parser.add_argument("--host", default="127.0.0.1", help="where the fabric is")
    parser.add_argument("--port", type=int, default=9999, help="its TCP port")
