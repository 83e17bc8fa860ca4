"""Ends whatever a test run leaves behind, also when the run itself is killed.

A helper process waits at the end of a pipe.  It is told of each process, pid file,
mount and directory; when the pipe closes, for whatever reason, it ends the ones that
are still there (by pid and start time, so that no later process with the same pid
is hit) and removes the directories.
"""
import os
import shutil
import signal
import subprocess
import sys
import threading
import time


def start_time(pid):
    """When the process started, in clock ticks; None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[1] == str(pid):
                    found.append(int(entry))
        except OSError:
            pass
    return found


class Reaper:
    def __init__(self):
        # Not in the terminal's foreground group: Ctrl-C is not for it.
        self._process = subprocess.Popen([sys.executable, os.path.abspath(__file__)],
                                         stdin=subprocess.PIPE, start_new_session=True)

    def _tell(self, *words):
        self._process.stdin.write(("\t".join(map(str, words)) + "\n").encode())
        self._process.stdin.flush()

    def process(self, pid):
        self._tell("pid", pid, start_time(pid))

    def pid_file(self, path):
        self._tell("file", path)

    def directory(self, path):
        self._tell("dir", path)

    def mount(self, path):
        self._tell("mount", path)

    def finish(self):
        self._process.stdin.close()
        self._process.wait(60)


def _kill(pid, started):
    if started is None or start_time(pid) != started:
        return
    below = children(pid)
    for victim in [pid] + below:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
    pause = threading.Event()
    deadline = time.monotonic() + 10
    while start_time(pid) == started and time.monotonic() < deadline:
        pause.wait(0.02)


def _main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    processes, files, mounts, directories = [], [], [], []
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        if words[0] == "pid":
            processes.append((int(words[1]), words[2]))
        elif words[0] == "file":
            files.append(words[1])
        elif words[0] == "mount":
            mounts.append(words[1])
        elif words[0] == "dir":
            directories.append(words[1])
    for pid, started in processes:
        _kill(pid, started)
    for name in files:
        try:
            with open(name, encoding="ascii") as file:
                pid = int(file.readline())
        except (OSError, ValueError):
            continue
        # The file is inside a directory of this run: who it names is of this run.
        _kill(pid, start_time(pid))
    for name in mounts:
        if os.path.ismount(name):
            subprocess.run(["umount", "--lazy", name], check=False)
    for name in directories:
        shutil.rmtree(name, ignore_errors=True)


if __name__ == "__main__":
    _main()
