"""The client: cli1, 10.0.0.1. It waits for svc_echo, sends one message, and
waits for the echo.

    [PING_MSG=text] python3 cli_udp_ping.py [--host H] [--port P] [--name cli1] [--resolve arp|lookup]
"""

import argparse
import asyncio
import os
import sys

import switchyard as sy

IP, UDP_PORT = sy.ip_bytes("10.0.0.1"), 12345
TO_IP, TO_PORT = sy.ip_bytes("10.0.0.2"), 7007
TIMEOUT = 3  # seconds, for each answer


async def next_where(client, accept):
    while True:
        _, _, frame = await client.recv()
        if (got := accept(frame)) is not None:
            return got


async def resolve(client, me, mac):
    await client.send(me, sy.arp_frame(sy.BROADCAST, 1, mac, IP, bytes(6), TO_IP))

    def reply(frame):
        arp = sy.parse_arp(frame)
        return arp[1] if arp and arp[0] == 2 and arp[2] == TO_IP else None

    return await asyncio.wait_for(next_where(client, reply), TIMEOUT)


async def main():
    parser = argparse.ArgumentParser(description="a UDP ping over a Switchyard")
    sy.add_fabric_flags(parser)
    parser.add_argument("--name", default="cli1", help="of the endpoint: each name can be had once")
    parser.add_argument("--resolve", choices=["arp", "lookup"], default="arp", help="where the MAC of the service comes from")
    args = parser.parse_args()
    payload = os.environ.get("PING_MSG", "marco polo").encode()
    client = await sy.Client.connect(args.name, args.host, args.port)
    me = await client.create(args.name)
    await client.subscribe(me["endpoint_id"])
    service = await client.wait_for("svc_echo")
    mac = sy.mac_bytes(me["mac"])
    if args.resolve == "arp":
        to_mac = await resolve(client, me["endpoint_id"], mac)
    else:
        to_mac = sy.mac_bytes(service["mac"])
    frame = sy.udp_frame(to_mac, mac, IP, TO_IP, UDP_PORT, TO_PORT, payload)
    await client.send(me["endpoint_id"], frame)
    print(f"[cli] sent {len(payload)} bytes: {payload!r}", flush=True)

    def reply(frame):
        udp = sy.parse_udp(frame)
        return udp if udp and udp[2] == TO_IP and udp[4:6] == (TO_PORT, UDP_PORT) else None

    got = await asyncio.wait_for(next_where(client, reply), TIMEOUT)
    print(f"[cli] got reply from {sy.ip_text(got[2])}:{got[4]}: {got[6]!r}", flush=True)
    await client.close()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (sy.FabricError, ConnectionError) as err:
        sys.exit(f"[cli] {err}")
    except asyncio.TimeoutError:
        sys.exit(f"[cli] no reply in {TIMEOUT} s")
