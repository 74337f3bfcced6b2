"""The three programs together, on loopback: python3 -m unittest."""

import asyncio
import os
import subprocess
import sys
import unittest

import switchyard as sy

HERE = os.path.dirname(os.path.abspath(__file__))


class Demo(unittest.TestCase):
    def start(self, script, *args, **more):
        p = subprocess.Popen([sys.executable, os.path.join(HERE, script), *args], stdout=subprocess.PIPE, text=True, **more)
        self.addCleanup(lambda: (p.kill(), p.wait(), p.stdout.close()))
        return p

    def setUp(self):
        self.daemon = self.start("switchyardd.py", "--port", "0")
        self.port = self.daemon.stdout.readline().rsplit(":", 1)[1].strip()

    def ping(self, *args):
        return self.start("cli_udp_ping.py", "--port", self.port, *args)

    def test_the_client_waits_for_the_service(self):
        want = "[cli] sent 10 bytes: b'marco polo'\n[cli] got reply from 10.0.0.2:7007: b'marco polo'\n"
        early = self.ping()
        self.start("svc_echo.py", "--port", self.port).stdout.readline()
        self.assertEqual(early.communicate(timeout=20)[0], want)
        self.assertEqual(self.ping("--name", "cli2", "--resolve", "lookup").communicate(timeout=20)[0], want)

    def test_errors(self):
        async def talk():
            c = await sy.Client.connect("t", port=int(self.port))
            a = await c.create("a")
            self.assertEqual(a, {"endpoint_id": 1, "name": "a", "mac": "02:53:59:00:00:01"})
            for ask, want in [
                (c.create("a"), "endpoint name already exists: a"),
                (c.create("b", a["mac"]), "endpoint mac already exists: " + a["mac"]),
                (c.lookup("b"), "no such endpoint: b"),
                (c.subscribe(9), "subscribe: unknown endpoint_id 9"),
                (c._ask(sy.message(99), 0), "unknown message type: 99"),
                (c._ask(sy.message(sy.ENDPOINT_CREATE, 0, 0, b"\xff"), 0), "bad ENDPOINT_CREATE: "),
            ]:
                with self.assertRaises(sy.FabricError) as caught:
                    await ask
                self.assertTrue(str(caught.exception).startswith(want), caught.exception)
            self.assertEqual((await c.create("b"))["mac"], "02:53:59:00:00:03")  # the taken name burned a number
            await c.send(9, bytes(14))  # PACKET_OUT: unknown src endpoint_id 9
            await c.send(1, bytes(13))  # PACKET_OUT: bad ethernet frame: frame too short for ethernet
            self.assertEqual((await c.lookup("a"))["endpoint_id"], 1)  # what they are told answers no question
            self.assertEqual(c.refused, 2)
            await c.close()

        asyncio.run(talk())

    def test_frames_that_nobody_takes_hold_up_no_answers(self):
        async def talk():
            a = await sy.Client.connect("a", port=int(self.port))
            b = await sy.Client.connect("b", port=int(self.port))
            me = (await a.create("a"))["endpoint_id"]
            await b.subscribe((await b.create("b"))["endpoint_id"])
            for _ in range(b.FRAMES_MAX + 10):
                await a.send(me, sy.BROADCAST + bytes(8))
            await a.lookup("b")  # all have gone through the fabric
            found = await asyncio.wait_for(b.lookup("a"), 20)
            self.assertEqual((found["endpoint_id"], b.frames.qsize(), b.dropped), (me, b.FRAMES_MAX, 10))
            await a.close()
            await b.close()

        asyncio.run(talk())

    def test_all_hear_of_a_fabric_that_ends(self):
        async def talk():
            c = await sy.Client.connect("c", port=int(self.port))
            self.daemon.kill()
            for _ in range(2):
                with self.assertRaises(ConnectionError):
                    await asyncio.wait_for(c.recv(), 20)
                with self.assertRaises(ConnectionError):
                    await c.lookup("c")
            await c.close()

        echo = self.start("svc_echo.py", "--port", self.port, stderr=subprocess.PIPE)
        echo.stdout.readline()
        asyncio.run(talk())
        self.assertIn("[svc_echo] connection lost", echo.communicate(timeout=20)[1])
        self.assertEqual(echo.returncode, 1)


class Packets(unittest.TestCase):
    def test_a_datagram(self):
        frame = bytes.fromhex(
            "02535900000102535900000208004500002600000000401166c50a0000010a000002"
            "30391b5f0012746b6d6172636f20706f6c6f")
        dst, src = frame[:6], frame[6:12]
        ours, theirs = sy.ip_bytes("10.0.0.1"), sy.ip_bytes("10.0.0.2")
        self.assertEqual(sy.udp_frame(dst, src, ours, theirs, 12345, 7007, b"marco polo"), frame)
        self.assertEqual(sy.parse_udp(frame), (src, dst, ours, theirs, 12345, 7007, b"marco polo"))
        for cut in range(len(frame)):
            self.assertIsNone(sy.parse_udp(frame[:cut]))


if __name__ == "__main__":
    unittest.main()
