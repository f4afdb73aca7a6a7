"""A network that can be cut: each server is reached through a relay on loopback, which closes what goes through it."""

import socket
import threading
from contextlib import suppress

_CHUNK = 65_536


class Relay:
    """Listens on a port of loopback and passes bytes on to another."""

    def __init__(self, to_port: int) -> None:
        self._to_port, self._is_cut = to_port, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def cut(self) -> None:
        """Close every connection, and each new one at once, until `mend`."""
        self._is_cut.set()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut.clear()

    def close(self) -> None:
        """Accept nothing any more."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                self._join(client)

    def _join(self, client: socket.socket) -> None:
        try:
            if self._is_cut.is_set():
                raise ConnectionAbortedError
            server = socket.create_connection(("127.0.0.1", self._to_port), 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        for ends in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while received := source.recv(_CHUNK):
                target.sendall(received)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()
