const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes as people read them: `97.6 TiB`, `12 bytes`. */
export function readableSize(bytes: number): string {
  const step = bytes <= 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step] ?? ''}`;
}
