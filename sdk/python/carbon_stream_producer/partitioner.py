"""murmur2, as the Java client partitions by key: one key goes to one partition, whoever sends it."""

from functools import lru_cache

__all__ = ["murmur2", "partition_of"]

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995
_SEED = 0x9747B28C


def partition_of(spread: bytes, partitions: int) -> int:
    """The partition that the Java client's default partitioner picks for a key."""
    return (murmur2(spread) & 0x7FFFFFFF) % partitions


@lru_cache(maxsize=16_384)  # keys are entities and come again
def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with the seed of Kafka's clients; as an unsigned integer."""
    length = len(data)
    whole = length & ~3
    found = _SEED ^ length
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        found = (found * _M & _MASK) ^ k
    if whole < length:
        found = (found ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    found = (found ^ (found >> 13)) * _M & _MASK
    return found ^ (found >> 15)
