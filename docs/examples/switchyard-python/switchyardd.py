"""The fabric: it learns MAC addresses, forwards and floods.

    python3 switchyardd.py [--host 127.0.0.1] [--port 9999]

One that does not read holds up those who send to it: each delivery waits for
room. Promiscuous subscriptions are answered, and see no more than others.
"""

import argparse
import asyncio
import json

import switchyard as sy


class Refused(Exception):
    """What is answered with ERROR."""


class Endpoint:
    def __init__(self, number, name, mac):
        self.number, self.name, self.mac = number, name, mac
        self.subscribers = []  # of (writer, flags), in their order

    def body(self):
        return {"endpoint_id": self.number, "name": self.name, "mac": self.mac}


class Fabric:
    def __init__(self):
        self.endpoints = {}  # by number: ascending
        self.names = {}
        self.table = {}  # MAC in bytes -> endpoint
        self.next_endpoint = self.next_mac = 1

    def create(self, body):
        name, mac = text(body, "name"), body.get("mac")
        if mac is None:
            n = self.next_mac
            self.next_mac += 1
            mac = "02:53:59:%02x:%02x:%02x" % (n >> 16 & 255, n >> 8 & 255, n & 255)
        elif not isinstance(mac, str) or len(mac) != 17 or len(sy.mac_bytes(mac)) != 6:
            raise ValueError(f"bad mac: {mac}")
        mac = mac.lower()
        if name in self.names:
            raise Refused(f"endpoint name already exists: {name}")
        if any(e.mac == mac for e in self.endpoints.values()):
            raise Refused(f"endpoint mac already exists: {mac}")
        e = Endpoint(self.next_endpoint, name, mac)
        self.next_endpoint += 1
        self.endpoints[e.number] = self.names[name] = self.table[sy.mac_bytes(mac)] = e
        return e

    async def forward(self, source, frame):
        if len(frame) < 14:
            raise Refused("PACKET_OUT: bad ethernet frame: frame too short for ethernet")
        destination = frame[:6]
        self.table[frame[6:12]] = source
        known = self.table.get(destination)
        if destination != sy.BROADCAST and known is not None:
            await deliver(known, frame)
            return
        for e in list(self.endpoints.values()):
            if e is not source:
                await deliver(e, frame)

    async def serve(self, reader, writer):
        try:
            kind, *_ = await sy.read_message(reader)
            if kind != sy.HELLO:
                writer.write(sy.control(sy.ERROR, {"error": f"expected HELLO, got {kind}"}))
                return
            writer.write(sy.control(sy.WELCOME, {"server": "switchyardd", "version": sy.VERSION}))
            while True:
                m = await sy.read_message(reader)
                try:
                    await self.handle(writer, *m)
                except Refused as err:
                    writer.write(sy.control(sy.ERROR, {"error": str(err)}))
                await writer.drain()
        except sy.ProtocolError as err:
            writer.write(sy.control(sy.ERROR, {"error": str(err)}))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for e in self.endpoints.values():
                e.subscribers = [s for s in e.subscribers if s[0] is not writer]
            writer.close()

    async def handle(self, writer, kind, number, flags, payload):
        if kind == sy.PACKET_OUT:
            if number not in self.endpoints:
                raise Refused(f"PACKET_OUT: unknown src endpoint_id {number}")
            await self.forward(self.endpoints[number], payload)
        elif kind == sy.ENDPOINT_CREATE:
            try:
                e = self.create(object_of(payload))
            except ValueError as err:
                raise Refused(f"bad ENDPOINT_CREATE: {err}") from err
            writer.write(sy.control(sy.ENDPOINT_CREATED, e.body()))
        elif kind == sy.ENDPOINT_LOOKUP:
            try:
                name = text(object_of(payload), "name")
            except ValueError as err:
                raise Refused(f"bad ENDPOINT_LOOKUP: {err}") from err
            if name not in self.names:
                raise Refused(f"no such endpoint: {name}")
            writer.write(sy.control(sy.ENDPOINT_INFO, self.names[name].body()))
        elif kind == sy.SUBSCRIBE:
            if number not in self.endpoints:
                raise Refused(f"subscribe: unknown endpoint_id {number}")
            self.endpoints[number].subscribers.append((writer, flags))
            writer.write(sy.control(sy.SUBSCRIBED, {}, number, flags))
        else:
            raise Refused(f"unknown message type: {kind}")


async def deliver(e, frame):
    for writer, flags in list(e.subscribers):
        try:
            writer.write(sy.message(sy.PACKET_IN, e.number, flags, frame))
            await writer.drain()
        except ConnectionError:
            pass  # its own reader takes it off


def object_of(payload):
    body = json.loads(payload)  # its errors, and those of UTF-8, are ValueErrors
    if not isinstance(body, dict):
        raise ValueError("payload is not a JSON object")
    return body


def text(body, key):
    if not isinstance(body.get(key), str) or not body[key]:
        raise ValueError(f"{key} is missing")
    return body[key]


async def main():
    parser = argparse.ArgumentParser(description="a Switchyard fabric")
    sy.add_fabric_flags(parser)
    args = parser.parse_args()
    server = await asyncio.start_server(Fabric().serve, args.host, args.port)
    print(f"[switchyardd] listening on {args.host}:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
