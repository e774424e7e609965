#!/usr/bin/env python3
"""`sinkscope open`: the page is served to this machine, under its own names only, until it is interrupted."""

import http.client
import os
import pathlib
import signal
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

                code, page = status("/")
                self.assertEqual(code, 200)
                self.assertTrue(page.startswith(b"<!doctype html>") and page.endswith(b"</html>\n"))
                self.assertEqual(status("/etc/passwd")[0], 404)
                self.assertEqual(status("/", {"Host": "evil.example"})[0], 403)
            finally:
                server.send_signal(signal.SIGINT)
                self.assertEqual(server.wait(timeout=20), 0)
                server.stdout.close()


if __name__ == "__main__":
    unittest.main()
