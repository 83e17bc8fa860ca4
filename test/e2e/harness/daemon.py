"""Runs outbox-relay and outbox-consumer as a supervisor would, and looks at them.

A daemon that ended can be started again with the same settings: start().
"""
import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request

from . import paths
from .ports import free_port
from .wait import until


class Daemon:
    """One program, its settings (from environment and file), its process and log."""

    program = None
    env_prefix = None

    def __init__(self, scene, name, command=(), **options):
        self.name = name
        self.command = list(command)
        self.options = options
        self.variables = {}     # of its environment, besides the settings
        self.directory = paths.BIN
        self.http_port = free_port()
        self.log_path = os.path.join(scene.base, name + ".log")
        self._reap = scene.reap
        self._process = None
        self._log_start = 0
        self._log_marks = 0
        open(self.log_path, "ab").close()

    def environment(self):
        """Nothing of the tester's own settings gets through to the program."""
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith(("PG", "OUTBOX_", "KAFKA"))}
        kept.update(self.variables)
        settings = dict(self.options)
        settings.setdefault("http.listen", f"127.0.0.1:{self.http_port}")
        for key, value in settings.items():
            if value is not None:
                kept[self.env_prefix + "_" + re.sub(r"[.-]", "_", key).upper()] = str(value)
        return kept

    def arguments(self):
        return [*paths.RUNNER, os.path.join(self.directory, self.program), *self.command]

    # -- life ---------------------------------------------------------------

    def start(self, ready=True, timeout=40):
        assert not self.running(), f"{self.name} runs already"
        self._log_start = os.path.getsize(self.log_path)
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(self.arguments(), env=self.environment(),
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=True)
        self._reap.process(self._process.pid)
        if ready:
            self.wait_ready(timeout)
        return self

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process is not None and self._process.poll() is None

    def is_ready(self):
        return self.running() and self.http("/readyz")[0] == 200

    def wait_ready(self, timeout=40):
        def ready():
            assert self.running(), \
                f"{self.name} ended with {self._process.poll()}:\n{self.log()[-4000:]}"
            return self.is_ready()
        until(ready, f"{self.name} is ready", timeout)

    def wait_not_ready(self, timeout=40):
        until(lambda: not self.is_ready(), f"{self.name} is no longer ready", timeout)

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        """kill -9"""
        if self.running():
            self._process.kill()
            self._process.wait(30)

    def stop(self, timeout=60):
        """SIGTERM, once it listens to that; returns the exit status."""
        until(self._listens, f"{self.name} listens to SIGTERM")
        self._process.terminate()
        return self.wait_exit(timeout)

    def _listens(self):
        """Before it does, the signal ends it with another status, which says nothing of the program."""
        if self.command != ["run"] or paths.WATCHED or not self.running():
            return True
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as file:
            caught = int(re.search(r"SigCgt:\s+(\w+)", file.read()).group(1), 16)
        return caught >> (signal.SIGTERM - 1) & 1

    def wait_exit(self, timeout=60):
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout} s:\n"
                                 f"{self.log()[-4000:]}") from None

    def finish(self):
        """At the end of a test, whatever state it is in."""
        if self.running():
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self.kill()

    # -- what it says -------------------------------------------------------

    def log(self, whole=False):
        """What it wrote since it was started last."""
        with open(self.log_path, "rb") as file:
            file.seek(0 if whole else self._log_start)
            return file.read().decode("utf-8", "replace")

    def entries(self, whole=False):
        """Its log as objects; lines that are not JSON are {"raw": line}."""
        found = []
        running, text = self.running(), self.log(whole)
        if running:
            # Half a line may be there already.
            text = text[:text.rfind("\n") + 1]
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            found.append(entry if isinstance(entry, dict) else {"raw": line})
        return found

    def problems(self, whole=False):
        """The lines above the level of a note."""
        return [e for e in self.entries(whole)
                if "raw" in e or str(e.get("level", "")).lower() in ("error", "fatal", "critical")]

    def wait_log(self, pattern, timeout=30):
        return until(lambda: re.search(pattern, self.log()),
                     f"{self.name} says /{pattern}/", timeout)

    def http(self, path, timeout=5):
        """(status, text); (0, reason) when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}",
                                        timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")
        except OSError as error:
            return 0, str(error)

    def post(self, path, timeout=5, **headers):
        """The same of an order, which has no body."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=b"",
                                         headers=headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")

    def metrics(self, timeout=5):
        """{"name{labels}": value}"""
        status, text = self.http("/metrics", timeout)
        assert status == 200, f"/metrics: {status} {text}"
        found = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                found[name] = float(value)
        return found

    def metric(self, name):
        """The value of the only series of that name; of a counter the sum over its labels."""
        values = [v for k, v in self.metrics().items() if k == name or k.startswith(name + "{")]
        assert len(values) == 1 or (values and name.endswith("_total")), f"{name}: {len(values)} series"
        return sum(values)

    # -- what it takes ------------------------------------------------------

    def memory(self, field="VmRSS"):
        """Bytes; VmHWM is the peak.  0 under a tool that looks at memory: most of it would be the tool's."""
        if paths.WATCHED:
            return 0
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(field + r":\s+(\d+) kB", file.read()).group(1)) * 1024

    def descriptors(self):
        try:
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        except PermissionError:     # nobody but root may look; it may look at itself
            return int(self.metric("process_open_fds"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def cpu_seconds(self, main_thread=False):
        """Of all threads, or of the one that main() runs in."""
        where = f"/proc/{self.pid}/task/{self.pid}" if main_thread else f"/proc/{self.pid}"
        with open(f"{where}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Relay(Daemon):
    program = "outbox-relay"
    env_prefix = "OUTBOX_RELAY"

    def __init__(self, scene, name="relay", command=("run",), **options):
        merged = {
            "postgres.conninfo": scene.source.conninfo(scene.database),
            "postgres.slot": scene.slot,
            "postgres.publication": scene.publication,
            "kafka.bootstrap.servers": scene.broker.servers,
            "topics.pattern": scene.prefix + ".{aggregatetype}",
            "reconnect.max": "1s",
            "log.format": "json",
        }
        merged.update(options)
        super().__init__(scene, name, command, **merged)


class Command:
    """A daemon's other commands: run to their end."""

    def __init__(self, status, output):
        self.status = status
        self.output = output

    def __repr__(self):
        return f"exit status {self.status}:\n{self.output}"


def run_once(daemon, timeout=60):
    """Runs what the daemon would, waits for its end; nothing else is started."""
    daemon.start(ready=False)
    status = daemon.wait_exit(timeout)
    return Command(status, daemon.log())


class Consumer(Daemon):
    """outbox-consumer, with a file for its handlers: {topic: {"sql": …, "payload": …}}"""

    program = "outbox-consumer"
    env_prefix = "OUTBOX_CONSUMER"

    def __init__(self, scene, name="consumer", handlers=None, command=("run",), **options):
        merged = {
            "target.conninfo": scene.target.conninfo(scene.database),
            "kafka.bootstrap.servers": scene.broker.servers,
            "consumer.group": scene.prefix,
            "log.format": "json",
        }
        merged.update(options)
        super().__init__(scene, name, command, **merged)
        self.config_path = os.path.join(scene.base, name + ".ini")
        self.handlers = scene.handlers if handlers is None else handlers
        self._write_config()

    def _write_config(self):
        with open(self.config_path, "w", encoding="utf-8") as file:
            for topic, settings in self.handlers.items():
                file.write(f"[handler {topic}]\n")
                for key, value in settings.items():
                    text = "\n\t".join(line.strip() for line in value.strip().splitlines())
                    file.write(f"{key} = {text}\n")
                file.write("\n")

    def arguments(self):
        return [*super().arguments(), "--config", self.config_path]
