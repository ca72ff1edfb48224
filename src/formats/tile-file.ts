import { crc32 } from 'node:zlib';

/*
 * Tile files (docs/archive-format.md): a tile is 256 neighbouring hashes of one level of a tree, a file up to 4,096 tiles one behind the other,
 * then the CRC-32 of each. Pure.
 */

/** Hashes in a tile. */
export const tileHashes = 256;
/** Hashes in a file. */
export const fileHashes = 4096 * tileHashes;
const checkSize = 4;

/** Name of a file in the directory of its tree. @param first number of its first hash in the level */
export function tileFileName(level: number, first: number): string {
  return `${level}-${first}`;
}

/** Nodes of a level; the leaves are level 0. */
export function nodesOfLevel(leaves: number, level: number): number {
  return Math.ceil(leaves / 2 ** level);
}

/** Where the check of a tile stands. @param hashes in the file @param size bytes of a hash */
export function checkOffset(hashes: number, size: number, tile: number): number {
  return hashes * size + tile * checkSize;
}

/** Bytes of a file. */
export function tileFileSize(hashes: number, size: number): number {
  return checkOffset(hashes, size, Math.ceil(hashes / tileHashes));
}

/** CRC-32 (ISO-HDLC, big endian) of each tile of these hashes, the first of which begins one. */
export function tileChecks(hashes: Uint8Array, size: number): Buffer {
  const step = tileHashes * size;
  const checks = Buffer.alloc(Math.ceil(hashes.length / step) * checkSize);
  for (let at = 0, tile = 0; at < hashes.length; at += step, tile++)
    checks.writeUInt32BE(crc32(hashes.subarray(at, at + step)), tile * checkSize);
  return checks;
}

/** Position of the first tile whose check is another; -1: all are the same. */
export function damagedTile(hashes: Uint8Array, checks: Buffer, size: number): number {
  const found = tileChecks(hashes, size);
  if (found.equals(checks)) return -1;
  let tile = 0;
  while (found.subarray(tile * checkSize, (tile + 1) * checkSize).equals(checks.subarray(tile * checkSize, (tile + 1) * checkSize))) tile++;
  return tile;
}
