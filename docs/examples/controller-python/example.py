"""The document's example, on two cells of dsim.

    dsim cell --name sahas --protocol abp --param role=sender --param messages=100 --rpc 127.0.0.1:9001 &
    dsim cell --name alice --protocol abp --param role=receiver --rpc 127.0.0.1:9002 &
    python3 example.py [SAHAS_URL ALICE_URL [SOCKET]]

Its calls are the document's. They name the ports port1_name and port2_name, which
the document's own add_link does not know: that alias is all that is added. Between
status and teardown it waits until the messages have arrived.
"""

import sys
import time

from controller import DatacenterController

sahas_url, alice_url = sys.argv[1:3] if len(sys.argv) > 2 else ("http://localhost:9001", "http://localhost:9002")
sock_path = sys.argv[3] if len(sys.argv) > 3 else "/tmp/sahas_alice.sock"
sys.stdout.reconfigure(encoding="utf-8")


class Controller(DatacenterController):
    def add_link(self, *args, port1_name=None, port2_name=None, **kwargs):
        if port1_name is not None:
            kwargs["port1"] = port1_name
        if port2_name is not None:
            kwargs["port2"] = port2_name
        super().add_link(*args, **kwargs)


dc = Controller()

# Add two cells
dc.add_cell("sahas", sahas_url)
dc.add_cell("alice", alice_url)

# Add a link
dc.add_link(
    "link_1",
    cell1_id="sahas",
    port1_name="en0",
    cell2_id="alice",
    port2_name="en1",
    sock_path=sock_path
)

# Query status
print(dc.get_cell_status("sahas"))
print(dc.get_link_status("link_1"))
print(dc.get_topology())

# Watch the messages go over the link: what the document calls a suggested evolution
for _ in range(500):
    sent = dc.cells["sahas"].get_metrics()["retransmission"]
    if sent["waiting"] == 0 and not sent["in_flight"]:
        break
    time.sleep(0.02)
received = dc.cells["alice"].get_port_stats("en1")
print("acknowledged", sent["acked"], "received" if received["packets_received"] >= sent["acked"] else "lost")

# Tear down
dc.remove_link("link_1")
dc.remove_cell("sahas")
dc.remove_cell("alice")
