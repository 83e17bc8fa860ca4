"""latency-probe as processes: a writer, a reader of the topic, and who looks at the target's progress."""
import os
import subprocess
import sys

from harness import paths

PROGRAM = os.path.join(paths.BIN, "latency-probe")


def build():
    subprocess.run(["make", "--no-print-directory", "-s", "-C", os.path.dirname(os.path.abspath(__file__))], check=True,
                   stdout=sys.stderr)


class Probe:
    """Ready once it is made; its notes are rows of numbers."""

    def __init__(self, reap, *arguments):
        self.arguments = arguments
        self._process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        reap.process(self._process.pid)
        if self._process.stdout.readline() != "ready\n":
            raise AssertionError(f"latency-probe {arguments[0]}: {self._process.communicate()[1]}")

    def notes(self, timeout):
        """Waits for its end."""
        try:
            out, errors = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert self._process.returncode == 0, f"latency-probe {self.arguments[0]}: {errors}"
        return [tuple(map(int, line.split())) for line in out.splitlines()]

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
