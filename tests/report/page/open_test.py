#!/usr/bin/env python3
"""`sinkscope open`: the page is served to this machine, under its own names only, until it is interrupted."""

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.parse

PROGRAM = os.environ["SINKSCOPE_PROGRAM"]


class Open(unittest.TestCase):
    def test_serves_the_page_until_interrupted(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
                     "env": {**os.environ, "XDG_CACHE_HOME": name}}
            subprocess.run([PROGRAM, "tiny", "--arch", "llama", "-o", folder / "tiny.gguf"], **quiet)
            subprocess.run([PROGRAM, "scan", "-m", folder / "tiny.gguf", "-p", "one and two " * 20,
                            "-o", folder / "out.scan.db"], **quiet)
            server = subprocess.Popen([PROGRAM, "open", "--no-browser", folder / "out.scan.db"], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                address = urllib.parse.urlsplit(server.stdout.readline().strip())
                self.assertEqual(address.hostname, "127.0.0.1")

                def status(path, headers=None):
                    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=20)
                    connection.request("GET", path, headers=headers or {})
                    answer = connection.getresponse()
                    return answer.status, answer.read()

                self.assertRegex(address.path, "^/[0-9a-f]{32}/$")
                # Clients that say nothing, or half of what they want, keep no other waiting.
                idle = [socket.create_connection(("127.0.0.1", address.port)) for _ in range(8)]
                idle[0].sendall(b"GET ")
                code, page = status(address.path)
                self.assertEqual(code, 200)
                self.assertTrue(page.startswith(b"<!doctype html>") and page.endswith(b"</html>\n"))
                for other in ("/", "/etc/passwd", "/" + "0" * 32 + "/", address.path[:-1]):
                    self.assertEqual(status(other)[0], 404)
                self.assertEqual(status(address.path, {"Host": "evil.example"})[0], 403)
                for connection in idle:
                    connection.close()
            finally:
                server.send_signal(signal.SIGINT)
                self.assertEqual(server.wait(timeout=20), 0)
                server.stdout.close()


if __name__ == "__main__":
    unittest.main()
