"""A daemon's wall clock that can be stepped (stepped.c), as a program or an administrator sets it; the monotonic one stays."""
import mmap
import os
import struct

from harness.paths import TOP
from links import build

LIBRARY = os.path.join(TOP, "build", "test", "chaos", "stepped.so")
HOUR = 3600
SIZE = 16
AHEAD, TOLD = 0, 8      # where they are in the file


class Clock:
    """Of one daemon, over all its lives."""

    def __init__(self, daemon, directory):
        build()
        self.path = os.path.join(directory, daemon.name + ".clock")
        with open(self.path, "wb") as file:
            file.write(bytes(SIZE))
        with open(self.path, "r+b") as file:
            self._shared = mmap.mmap(file.fileno(), SIZE)
        daemon.variables.update(LD_PRELOAD=LIBRARY, STEPPED_CLOCK=self.path)

    def step(self, seconds):
        """So far from the true time it is from now on."""
        struct.pack_into("q", self._shared, AHEAD, seconds * 1000000)

    def told(self):
        """How often the daemon was told a time that wasn't true."""
        return struct.unpack_from("q", self._shared, TOLD)[0]
