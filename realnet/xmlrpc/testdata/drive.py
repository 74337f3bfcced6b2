"""Python's client against a server of ours: python3 drive.py URL."""

import sys
import xmlrpc.client

B, D = xmlrpc.client.Binary, xmlrpc.client.DateTime

SHAPES = [
    0, 2147483647, -2147483648, True, False, "", "  leading and trailing  ",
    "α<&>\"' ]]> \t\n", 1.5e-300, -0.25, 1e21, None, [], [1, [2.5, ["x", []]]], {},
    B(bytes(range(256))), D("20260102T03:04:05"),
]

# The nested dict that a datacenter binds ports with.
PORT_CONFIG = {
    "port_name": "p0",
    "interface": "en2",
    "unix_socket": {"path": "/tmp/link_sahas_alice.sock", "mode": "server"},
    "ber": 0.01,
    "log_level": "error",
}


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def check(what, ok):
    if not ok:
        sys.exit("not so: " + what)


def fault(code, f):
    try:
        f()
    except xmlrpc.client.Fault as e:
        check(f"fault {e!r} is {code}", e.faultCode == code and e.faultString)
    else:
        sys.exit(f"no fault {code}")


url = sys.argv[1]
s = xmlrpc.client.ServerProxy(url, allow_none=True)
check("17 shapes", len(SHAPES) == 17)
for x in SHAPES + [PORT_CONFIG]:
    y = s.echo(x)
    check(f"{x!r} comes back as {y!r}", same(x, y))
# XML makes a line feed of Python's raw carriage return, on the way to us.
check("a carriage return of ours arrives", s.carriage() == "a\r\nb\r")
check("many arguments", s.count(1, "a", [1, 2]) == 3)
check("the root", xmlrpc.client.ServerProxy(url + "/").echo(7) == 7)
fault(42, lambda: s.fail(42))
fault(-32500, lambda: s.fail())
fault(-32601, lambda: s.nobody())
fault(-32602, lambda: s.fail("x", "y"))
fault(-32603, lambda: s.panic())
names = s.system.listMethods()
check(f"methods {names}", "echo" in names and "system.multicall" in names and names == sorted(names))
check("help", s.system.methodHelp("echo") == "What was given.")
check("signature", s.system.methodSignature("fail") == [["nil"], ["nil", "int"]])
m = xmlrpc.client.MultiCall(s)
m.echo(PORT_CONFIG)
m.fail(42)
m.echo("after")
answers = m()
check("multicall, first", answers[0] == PORT_CONFIG)
fault(42, lambda: answers[1])
check("multicall, after a fault", answers[2] == "after")
print("all equal")
