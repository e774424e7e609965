"""RPC servers that fail: one line, exit code 4, in the time that was given; Ctrl-C ends the wait."""

import contextlib
import signal
import socket
import struct
import subprocess
import threading
import time

import harness
from harness import TEXT


@contextlib.contextmanager
def peer(serve, backlog=4):
    """The address of a server on this machine. serve(connection) is called for one client, on a thread."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(backlog)
        ended = threading.Event()

        def accept():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    serve(connection, ended)

        thread = threading.Thread(target=accept, daemon=True) if serve else None
        if thread:
            thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            if thread:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                thread.join()


def silent(_, ended):
    ended.wait()


def half(connection, ended):
    connection.recv(33)
    connection.sendall(struct.pack("<Q", 28) + b"\7\0")
    ended.wait()


def closes(connection, _):
    connection.recv(33)


def older(connection, ended):
    connection.recv(33)
    connection.sendall(struct.pack("<Q", 28) + b"\3" + bytes(27))
    ended.wait()


class FailingServers(harness.ProgramTest):
    def scan_of(self, address, *more):
        return ["scan", "-m", self.tiny, "-p", TEXT, "--rpc", address, *more]

    def test_one_line_in_time(self):
        for serve, pieces, is_silent in ((silent, ["none in 1 s", "serves one program"], True),
                                         (half, ["none in 1 s"], True),
                                         (closes, ["a closed connection"], False),
                                         (older, ["protocol 3.0"], False)):
            with self.subTest(peer=serve.__name__), peer(serve) as address:
                begun = time.monotonic()
                self.fails(4, [f"--rpc {address}", *pieces], *self.scan_of(address, "--rpc-timeout", "1"))
                took = time.monotonic() - begun
                self.assertLess(took, 6)
                if is_silent:
                    self.assertGreater(took, 1)

    def test_one_that_never_accepts(self):
        with peer(None, backlog=0) as address, contextlib.ExitStack() as others:
            host, port = address.split(":")
            for _ in range(4):
                other = others.enter_context(socket.socket())
                other.setblocking(False)
                other.connect_ex((host, int(port)))
            self.fails(4, [f"--rpc {address}", "no connection in 1 s"], *self.scan_of(address, "--rpc-timeout", "1"))

    def test_ctrl_c_ends_the_wait(self):
        asked = threading.Event()

        def reads_and_is_silent(connection, ended):
            connection.recv(33)
            asked.set()
            ended.wait()

        with peer(reads_and_is_silent) as address:
            program = subprocess.Popen(self.command(*self.scan_of(address)), cwd=self.folder, env=self.environment(),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertTrue(asked.wait(60))
            begun = time.monotonic()
            program.send_signal(signal.SIGINT)
            _, err = program.communicate(timeout=60)
            self.assertLess(time.monotonic() - begun, 3)  # under a second where no other test computes
            self.assertEqual(program.returncode, 130, err)
            self.assertEqual(err.count(b"sinkscope: error: "), 1, err)

    def test_the_limit_is_a_number_of_seconds(self):
        self.fails(2, "--rpc-timeout", *self.scan_of("127.0.0.1:1", "--rpc-timeout", "0"))


if __name__ == "__main__":
    harness.main()
