"""The UDP echo service: svc_echo, 10.0.0.2, port 7007. It answers ARP, too.

    python3 svc_echo.py [--host 127.0.0.1] [--port 9999]
"""

import argparse
import asyncio
import sys

import switchyard as sy

IP, UDP_PORT = sy.ip_bytes("10.0.0.2"), 7007


async def main():
    parser = argparse.ArgumentParser(description="a UDP echo service on a Switchyard")
    sy.add_fabric_flags(parser)
    args = parser.parse_args()
    client = await sy.Client.connect("svc_echo", args.host, args.port)
    me = await client.create("svc_echo")
    await client.subscribe(me["endpoint_id"])
    mac = sy.mac_bytes(me["mac"])
    print(f"[svc_echo] endpoint {me['endpoint_id']} {me['mac']} udp {sy.ip_text(IP)}:{UDP_PORT}", flush=True)
    while True:
        _, _, frame = await client.recv()
        if (arp := sy.parse_arp(frame)) and arp[0] == 1 and arp[3] == IP:
            reply = sy.arp_frame(arp[1], 2, mac, IP, arp[1], arp[2])
        elif (udp := sy.parse_udp(frame)) and udp[5] == UDP_PORT and udp[3] == IP:
            src_mac, _, src_ip, _, src_port, _, payload = udp
            reply = sy.udp_frame(src_mac, mac, IP, src_ip, UDP_PORT, src_port, payload)
        else:
            continue
        await client.send(me["endpoint_id"], reply)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
    except (sy.FabricError, ConnectionError) as err:
        sys.exit(f"[svc_echo] {err}")
