"""Links between daemons and servers that can be made bad: the proxy of outbox-compare, as a process of its own."""
import os
import subprocess
import threading

from harness.kafka import ACCESS_LISTS, Broker
from harness.paths import TOP
from harness.ports import free_port

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(TOP, "build", "test", "chaos", "links")


def build():
    """The program, as it is in the sources; with no sanitizer, whatever the daemons have."""
    environment = {name: value for name, value in os.environ.items() if name not in ("BUILD", "SANITIZE")}
    done = subprocess.run(["make", "--no-print-directory", "-s", "-C", HERE], check=False, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


class Links:
    """One process for all of them."""

    def __init__(self, reap, **ends):
        """{name: port that it leads to}"""
        build()
        self._process = subprocess.Popen([PROGRAM, *map(str, ends.values())], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, start_new_session=True)
        reap.process(self._process.pid)
        self._lock = threading.Lock()
        ports = map(int, self._process.stdout.readline().split())
        self.named = {name: Link(self, number, port) for number, (name, port) in enumerate(zip(ends, ports))}

    def __getitem__(self, name):
        return self.named[name]

    def order(self, *words):
        with self._lock:
            self._process.stdin.write(" ".join(map(str, words)) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer == "ok\n", f"{words}: {answer!r}"

    def finish(self):
        self._process.stdin.close()
        self._process.wait(30)


class Link:
    """port: where those who use it connect to."""

    def __init__(self, links, number, port):
        self._links, self._number, self.port = links, number, port

    def set(self, **toxics):
        """As links.c names them; those that aren't named are over."""
        self._links.order("set", self._number, *(f"{name}={value}" for name, value in toxics.items()))

    def heal(self):
        self.set()

    def reset(self):
        self._links.order("reset", self._number)


class Several:
    """Links to one server or another, which are bad together."""

    def __init__(self, links):
        self.links = links

    def set(self, **toxics):
        for link in self.links:
            link.set(**toxics)

    def heal(self):
        self.set()

    def reset(self):
        for link in self.links:
            link.reset()

    def conninfo(self):
        """Whoever of them takes writes."""
        ports = ",".join(str(link.port) for link in self.links)
        if len(self.links) == 1:
            return f"host=127.0.0.1 port={ports}"
        hosts = ",".join("127.0.0.1" for _ in self.links)
        return f"host={hosts} port={ports} target_session_attrs=read-write connect_timeout=3"


class LinkedBroker(Broker):
    """A broker to which each of these leads a link, that is a listener of its own behind a proxy; links has them by name."""

    def __init__(self, base, name, reap, links, more=""):
        """more: properties"""
        behind = {link: free_port() for link in links}
        self.links = Links(reap, **behind).named
        words = {link: f"LINK{number}" for number, link in enumerate(links)}
        listeners = "".join(f",{words[link]}://127.0.0.1:{behind[link]}" for link in links)
        advertised = "".join(f",{words[link]}://127.0.0.1:{self.links[link].port}" for link in links)
        protocols = "".join(f",{words[link]}:PLAINTEXT" for link in links)
        properties = os.path.join(base, name + ".properties")
        with open(properties, "w", encoding="ascii") as file:
            file.write(f"listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER@{listeners}\n"
                       f"advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@{advertised}\n"
                       f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}\n"
                       + ACCESS_LISTS + more)
        super().__init__(base, name, reap, {"KAFKA_PROPERTIES": properties})

    def at(self, link):
        """Servers to start from, over that link."""
        return f"127.0.0.1:{self.links[link].port}"
