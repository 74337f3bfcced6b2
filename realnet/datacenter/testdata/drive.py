"""Does with a datacenter what the document's example does with its controller:
drive.py DATACENTER CELL CELL SOCKET"""

import sys
import xmlrpc.client

dc = xmlrpc.client.ServerProxy(sys.argv[1])
first, second, path = sys.argv[2:]

dc.add_cell("sahas", first)
dc.add_cell("alice", second)
dc.add_cell("alice", second)  # again is no error

# By place; below by the names of the document's two spellings.
dc.add_link("link_1", "sahas", "en0", "alice", "en1", path)

print(dc.get_cell_status("sahas"))
print(dc.get_cell_status("nobody"))
print(dc.get_link_status("link_1"))
print(dc.get_link_status("link_2"))
print(dc.get_topology())

for port in ("port{}", "port{}_name"):
    dc.add_link({
        "link_id": "link_2", "cell1_id": "sahas", "cell2_id": "alice", "sock_path": path + "2",
        port.format(1): "en2", port.format(2): "en3", "ber": 0.25,
    })
    dc.remove_link("link_2")

dc.remove_link("link_9")
dc.remove_cell("nobody")

try:
    dc.add_link("link_3", "sahas", "en0", "alice", "en9")
except xmlrpc.client.Fault as f:
    print(f.faultString)
try:
    dc.add_link("link_3", "sahas", "en5", "alice", "en5", "", {"ber": 0.5})
except xmlrpc.client.Fault as f:
    print(f.faultString)
try:
    dc.command("sahas", ["hello"])
except xmlrpc.client.Fault as f:
    print(f.faultString)

dc.remove_link("link_1")
dc.remove_cell("sahas")
dc.remove_cell("alice")
print(dc.get_topology())
