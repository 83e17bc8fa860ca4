"""What a connection's backend has used, as the kernel counts it."""
import re
import threading


def _read(connection, name):
    with open(f"/proc/{connection.info.backend_pid}/{name}", encoding="ascii") as file:
        return file.read()


def cpu_ns(connection, statement):
    """Nanoseconds that the backend was on a processor while it ran a statement."""
    before = int(_read(connection, "schedstat").split()[0])
    connection.execute(statement)
    return int(_read(connection, "schedstat").split()[0]) - before


def anon_kb(connection):
    """Its anonymous memory now."""
    return int(re.search(r"RssAnon:\s+(\d+)", _read(connection, "status")).group(1))


def peak_anon_kb(connection, statement):
    """The same at its highest while it runs a statement."""
    peak = anon_kb(connection)
    over = threading.Event()

    def watch():
        nonlocal peak
        while not over.wait(0.01):
            peak = max(peak, anon_kb(connection))
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        connection.execute(statement)
    finally:
        over.set()
        watcher.join()
    return max(peak, anon_kb(connection))
