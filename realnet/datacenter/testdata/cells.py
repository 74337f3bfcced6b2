"""Two cells of the document, which know its methods and nothing else. Prints their
addresses; then, at the end of standard input, what they were told."""

import sys
import threading
from xmlrpc.server import SimpleXMLRPCServer

told = []


class Cell:
    def __init__(self, name):
        self.name = name
        self.bound_ports = {}

    def bind_port(self, port_name, port_config):
        told.append(f"{self.name} bind {port_name} {sorted(port_config.items())}")
        if port_config.get("ber") == "0.5":
            return f"Error binding {port_name}: no such luck"
        self.bound_ports[port_name] = port_config
        return f"Bound {port_name}"

    def unbind_port(self, port_name):
        told.append(f"{self.name} unbind {port_name}")
        if port_name in self.bound_ports:
            del self.bound_ports[port_name]
            return f"Unbound {port_name}"
        return f"{port_name} not found"

    def link_status(self, port_name):
        return "connected" if port_name in self.bound_ports else "unbound"

    def shutdown(self):
        told.append(f"{self.name} shutdown")
        return "Shutting down..."

    def heartbeat(self):
        return "alive"


for name in ("first", "second"):
    server = SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
    server.register_instance(Cell(name))
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

sys.stdin.read()
print("\n".join(told), flush=True)
