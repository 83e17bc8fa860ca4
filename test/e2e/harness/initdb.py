"""A data directory as initdb leaves it: a copy of one that it made, with an identity of its own.

initdb takes most of a second of a processor, a copy a tenth of that.  What differs between two of its directories is the
system identifier, which is in the control file, under a checksum, and in the head of the WAL.
"""
import os
import struct
import time

# Of an XLogLongPageHeaderData: behind the header that every page has.
_WAL_IDENTIFIER_AT = 24
_CRC_TABLE = []
_made = None        # the first one, which no server has used


def _crc32c(data):
    if not _CRC_TABLE:
        for value in range(256):
            for _ in range(8):
                value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
            _CRC_TABLE.append(value)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _renamed(control, identifier):
    """The control file with that identifier.  Its length is the version's; the checksum is behind what it is of."""
    for end in range(128, 512, 4):
        if struct.pack("=I", _crc32c(control[:end])) == control[end:end + 4]:
            head = struct.pack("=Q", identifier) + control[8:end]
            return head + struct.pack("=I", _crc32c(head)) + control[end + 4:]
    raise AssertionError("the control file has no checksum")


def _new_identifier():
    """As initdb makes them: seconds, microseconds, process."""
    now = time.time_ns() // 1000
    return now // 1000000 << 32 | now % 1000000 << 12 | os.getpid() & 0xFFF


def _rename(data):
    identifier = _new_identifier()
    with open(os.path.join(data, "global", "pg_control"), "r+b") as file:
        control = _renamed(file.read(), identifier)
        file.seek(0)
        file.write(control)
    wal = os.path.join(data, "pg_wal")
    segment, = [name for name in os.listdir(wal) if len(name) == 24]
    with open(os.path.join(wal, segment), "r+b") as file:
        file.seek(_WAL_IDENTIFIER_AT)
        file.write(struct.pack("=Q", identifier))


def initdb(data, run):
    """run(program, *arguments) runs a program of the server, or another one by its path, as the server's user."""
    global _made    # pylint: disable=global-statement
    if _made is None or not os.path.isdir(_made):
        made = data + ".made"
        run("initdb", "--pgdata", made, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C",
            "--no-sync", "--no-instructions")
        _made = made
    run("/bin/cp", "-a", _made, data)
    _rename(data)
