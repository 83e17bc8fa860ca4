"""A port in front of servers that can lose what passes, and keeps its connections open meanwhile.

As in a network whose packets vanish: nobody is told.  What is held back goes on when it heals, as
packets do that are sent again.
"""
import random
import socket
import threading


class Proxy:
    def __init__(self, *ports):
        """Each connection goes to the next of these ports of 127.0.0.1."""
        self.ports = list(ports)
        self.count = 0
        self.sprung = threading.Event()     # what "at" named came by
        self._trap = None
        self._passes = {True: threading.Event(), False: threading.Event()}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def conninfo(self, dbname, **more):
        words = dict(host="127.0.0.1", port=self.port, dbname=dbname, user="postgres", **more)
        return " ".join(f"{key}={value}" for key, value in words.items())

    def vanish(self, at=None):
        """Nothing passes any more; with "at", from the request on that holds these bytes."""
        self._set_trap(at, False)

    def mute(self, at):
        """The request that holds these bytes is the last one that passes; no answer does."""
        self._set_trap(at, True)

    def _set_trap(self, at, request_passes):
        self.sprung.clear()
        if at is not None:
            self._trap = (at, request_passes)
            return
        self._trap = None
        for event in self._passes.values():
            event.clear()

    def heal(self):
        self._trap = None
        for event in self._passes.values():
            event.set()

    def close(self):
        self._listener.close()
        self.heal()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(
                    ("127.0.0.1", self.ports[self.count % len(self.ports)]))
            except OSError:
                client.close()
                continue
            self.count += 1
            self._serve(client, server)

    def _serve(self, client, server):
        for source, sink, upward in ((client, server, True), (server, client, False)):
            threading.Thread(target=self._copy, args=(source, sink, upward), daemon=True).start()

    def _copy(self, source, sink, upward):
        try:
            while data := source.recv(65536):
                if not (upward and self._springs(data)):
                    self._passes[upward].wait()
                sink.sendall(data)
        except OSError:
            pass
        # That an end is gone doesn't pass either.
        self._passes[upward].wait()
        self._cut(source, sink)

    @staticmethod
    def _cut(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _springs(self, data):
        """Whether the trap lets this request through."""
        trap = self._trap
        if trap is None or trap[0] not in data:
            return False
        self._trap = None
        for event in self._passes.values():
            event.clear()
        self.sprung.set()
        return trap[1]


class Cutter(Proxy):
    """Of each connection it lets some answers through, then one request without its answer, and cuts the line."""

    def __init__(self, port, seed):
        self._dice = random.Random(seed)
        self.cuts = 0
        self.lossy = threading.Event()
        self.lossy.set()
        super().__init__(port)

    def _serve(self, client, server):
        threading.Thread(target=self._mediate, args=(client, server, self._dice.randint(20, 120)), daemon=True).start()

    def _mediate(self, client, server, answers):
        muted = threading.Event()

        def upward():
            while data := self._read(client):
                server.sendall(data)
                if muted.is_set():
                    # Time for the server to do what it was told.
                    server.settimeout(2)
                    try:
                        server.recv(1, socket.MSG_PEEK)
                    except OSError:
                        pass
                    break
            self._cut(client, server)

        thread = threading.Thread(target=upward, daemon=True)
        thread.start()
        while data := self._read(server):
            client.sendall(data)
            answers -= 1
            if answers <= 0 and self.lossy.is_set():
                self.cuts += 1
                muted.set()
                break
        thread.join()
        client.close()
        server.close()

    @staticmethod
    def _read(side):
        try:
            return side.recv(65536)
        except OSError:
            return b""
