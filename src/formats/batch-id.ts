const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

/**
 * `20261122-062129-k3x9q`: sorts by its time, is no name that a shell or a path minds, and has no letters that people mix up.
 * @param now UTC ms
 * @param random five bytes
 */
export function batchId(now: number, random: Uint8Array): string {
  const digits = new Date(now)
    .toISOString()
    .replace(/[-:]|\..*$/g, '')
    .replace('T', '-');
  return `${digits}-${Array.from(random.subarray(0, 5), (octet) => letters[octet & 31]).join('')}`;
}
