"""The document's Cell, on Python's own XML-RPC server.

    python3 cell.py [PORT]

It is the document's class, with what its sketch leaves open: bind_port binds the
UNIX datagram socket that the configuration names, and unbinding removes its file.
It prints the port it listens on, and ends by shutdown.
"""

import os
import socket
import sys
import threading
import time
from xmlrpc.server import SimpleXMLRPCServer


class Cell:
    def __init__(self):
        self.bound_ports = {}  # e.g., {"en2": socket_obj}
        self.config = {}       # config per port
        self.running = True

    def bind_port(self, port_name, port_config):
        path = port_config["unix_socket"]["path"]
        if port_config["unix_socket"]["mode"] == "client":
            path += ".c"
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(path)
        self.bound_ports[port_name] = sock
        self.config[port_name] = port_config
        return f"Bound {port_name} to {path}"

    def unbind_port(self, port_name):
        if port_name in self.bound_ports:
            path = self.bound_ports[port_name].getsockname()
            self.bound_ports[port_name].close()
            os.unlink(path)
            del self.bound_ports[port_name]
            return f"Unbound {port_name}"
        return f"{port_name} not found"

    def link_status(self, port_name):
        if port_name not in self.bound_ports:
            return "unbound"
        return "connected"

    def shutdown(self):
        for port in list(self.bound_ports):
            self.unbind_port(port)
        self.running = False
        threading.Thread(target=self._delayed_exit).start()
        return "Shutting down..."

    def _delayed_exit(self):
        time.sleep(0.5)
        os._exit(0)

    def heartbeat(self):
        return "alive"


server = SimpleXMLRPCServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9001), logRequests=False)
server.register_instance(Cell())
print(server.server_address[1], flush=True)
server.serve_forever()
