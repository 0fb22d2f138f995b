"""A network between Rota and its database that can go silent, as when a cable is cut: nobody is told, nothing arrives.

A proxy that merely stopped reading would not do, since the kernel goes on acknowledging what it receives. Here it is
told to drop each packet before it looks at it (Linux: socket(7), SO_ATTACH_FILTER).
"""

import ctypes
import selectors
import socket
import struct
import threading
from contextlib import suppress

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # the one instruction of a filter that lets no packet through


class Proxy:
    """Passes bytes on between a port of its own and a server, until `cut`, and again after `mend`."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.door.getsockname()[1]
        self._clients: set[socket.socket] = {self.door}
        self._others: dict[socket.socket, socket.socket] = {}
        self._open = threading.Event()
        self._open.set()
        self._ended = False
        self._ready = selectors.DefaultSelector()
        self._ready.register(self.door, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._pass_on, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """From now on nothing arrives in either direction, and no new connection is made."""
        self._open.clear()
        for each in list(self._clients):
            _make_deaf(each)

    def mend(self) -> None:
        for each in list(self._clients):
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        self._open.set()

    def end(self) -> None:
        self._ended = True
        self.mend()
        self._thread.join()
        for each in [self.door, *self._others]:
            each.close()

    def _pass_on(self) -> None:
        while not self._ended:
            ready = self._ready.select(0.05)
            self._open.wait()
            for key, _ in ready:
                if key.fileobj is self.door:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._carry(key.fileobj)

    def _accept(self) -> None:
        client, _ = self.door.accept()
        server = socket.create_connection(self.target)
        self._clients.add(client)
        for one, other in ((client, server), (server, client)):
            self._others[one] = other
            self._ready.register(one, selectors.EVENT_READ)

    def _carry(self, source: socket.socket) -> None:
        if source not in self._others:  # closed in this round
            return
        try:
            data = source.recv(65536)
            self._others[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._hang_up(source)

    def _hang_up(self, source: socket.socket) -> None:
        for each in (source, self._others[source]):
            self._ready.unregister(each)
            del self._others[each]
            self._clients.discard(each)
            each.close()


def _make_deaf(wire: socket.socket) -> None:
    code = ctypes.create_string_buffer(RETURN_NOTHING)
    with suppress(OSError):  # closed meanwhile
        wire.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HxxxxxxP", 1, ctypes.addressof(code)))
