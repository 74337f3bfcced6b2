"""Python's server for a client of ours. It prints its port, and ends with its input."""

import os
import sys
import threading
import xmlrpc.client
from xmlrpc.server import SimpleXMLRPCServer

server = SimpleXMLRPCServer(("127.0.0.1", 0), allow_none=True, logRequests=False)
server.register_introspection_functions()
server.register_multicall_functions()


def fail():
    raise xmlrpc.client.Fault(42, "as asked")


server.register_function(lambda x: x, "echo")
server.register_function(lambda x: f"{type(x).__name__} {x!r}", "shown")
server.register_function(lambda *a: len(a), "count")
server.register_function(fail, "fail")
server.register_function(lambda: 1 // 0, "broken")
print(server.server_address[1], flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
