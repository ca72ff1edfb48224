/** One thing to time: `n` units of work a call. */
export interface Case {
  readonly n: number;
  run(): void | Promise<void>;
}

export interface Rate {
  /** Units a second of wall time, median over the rounds. */
  readonly wall: number;
  /** Units a CPU-second of this process, median over the rounds. */
  readonly cpu: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

/** Runs the cases interleaved (A, B, A, B …), so that noise of the machine hits all alike; the first rounds (`warming`) are not counted. */
export async function interleave<Name extends string>(
  cases: Readonly<Record<Name, Case>>,
  { rounds = Number(process.env['ROUNDS'] ?? 5), warming = 1 }: { readonly rounds?: number; readonly warming?: number } = {},
): Promise<Record<Name, Rate>> {
  const names = Object.keys(cases) as Name[];
  const samples = new Map<Name, { wall: number[]; cpu: number[] }>(names.map((name) => [name, { wall: [], cpu: [] }]));
  for (let round = 1 - warming; round <= rounds; round++) {
    for (const name of names) {
      const current = cases[name];
      const usage = process.cpuUsage();
      const began = performance.now();
      await current.run();
      const wall = performance.now() - began;
      const { user, system } = process.cpuUsage(usage);
      if (round <= 0) continue;
      samples.get(name)?.wall.push((current.n / wall) * 1000);
      samples.get(name)?.cpu.push((current.n / (user + system)) * 1e6);
    }
  }
  return Object.fromEntries(
    names.map((name) => [name, { wall: median(samples.get(name)?.wall ?? []), cpu: median(samples.get(name)?.cpu ?? []) }]),
  ) as Record<Name, Rate>;
}

/** A ratio beside its peer, measured in the same run. */
export interface Ratio {
  readonly row: string;
  readonly ours: number;
  readonly peer: number;
  readonly of: string;
  /** Ours divided by the peer's must reach it (or stay below it with `atMost`). */
  readonly goal: number;
  readonly atMost?: true;
  readonly unit: string;
}

export function print({ row, ours, peer, of, goal, atMost, unit }: Ratio): void {
  const ratio = ours / peer;
  const met = atMost === true ? ratio <= goal : ratio >= goal;
  process.stdout.write(`  ${row}: ours ${rounded(ours)} ${unit}, ${of} ${rounded(peer)} ${unit}\n`);
  process.stdout.write(`${row}: ${ratio.toFixed(2)} of ${of} (goal ${atMost === true ? '≤ ' : ''}${goal})${met ? '' : '  MISSED'}\n`);
}

function rounded(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
