/** murmur2, as the Java client partitions by key: one key goes to one partition, whoever sends it. */

const M = 0x5bd1e995;
const SEED = 0x9747b28c;

/** The partition that the Java client's default partitioner picks for a key. */
export function partitionOf(spread: Uint8Array, partitions: number): number {
  return (murmur2(spread) & 0x7fffffff) % partitions;
}

/** MurmurHash2, 32 bits, with the seed of Kafka's clients; as a signed integer. */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  const whole = length & ~3;
  let found = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    k = Math.imul(k, M);
    k = Math.imul(k ^ (k >>> 24), M);
    found = Math.imul(found, M) ^ k;
  }
  if (whole < length) {
    for (let at = length - 1; at >= whole; at -= 1) found ^= data[at]! << (8 * (at - whole));
    found = Math.imul(found, M);
  }
  found = Math.imul(found ^ (found >>> 13), M);
  return found ^ (found >>> 15);
}
