"""Kafka's murmur2 and Java's default partitioner for keys, from their definition."""

MASK = 0xFFFFFFFF


def murmur2(data):
    """32 bits, unsigned."""
    m, r = 0x5BD1E995, 24
    h = (0x9747B28C ^ len(data)) & MASK
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little")
        k = k * m & MASK
        k ^= k >> r
        k = k * m & MASK
        h = h * m & MASK ^ k
    tail = data[whole:]
    if tail:
        h ^= int.from_bytes(tail, "little")
        h = h * m & MASK
    h ^= h >> 13
    h = h * m & MASK
    return h ^ h >> 15


def partition(key, count):
    return (murmur2(key) & 0x7FFFFFFF) % count
