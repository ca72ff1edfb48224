import { readable, type ProofView } from './bundle-view.ts';
import { element, escaped } from './markup.ts';

/** A bar, or with `to` absent a point in time. UTC ms. */
interface Row {
  readonly label: string;
  readonly from: number;
  readonly to?: number;
  readonly kind: 'claimed' | 'proven';
}

/** Years from the first to the last moment, each timestamp as a bar from its time to its own end: they must overlap for the proof to hold. */
export function timeLine({ stamps, signature }: ProofView): string {
  const rows: Row[] = [
    ...(signature === undefined ? [] : [{ label: 'the signature’s own word', from: signature.signingTime, kind: 'claimed' } as const]),
    ...stamps.flat().map(({ parsed, authority, ends }) => ({
      label: authority,
      from: parsed.genTime,
      to: Number.isFinite(ends) ? ends : parsed.genTime,
      kind: 'proven' as const,
    })),
  ];
  const times = rows.flatMap(({ from, to = from }) => [from, to]);
  const start = Math.min(...times);
  const span = Math.max(...times) - start;
  const place = (time: number): string => (span > 0 ? (100 * (time - start)) / span : 0).toFixed(2);
  const lines = rows.map(({ label, from, to, kind }) => {
    const width = Math.max(0.5, Number(place(to ?? from)) - Number(place(from)));
    const x = Math.min(Number(place(from)), 100 - width);
    const bar = `<svg width="100%" height="10" aria-hidden="true"><rect class="axis" y="4" width="100%" height="2"/><rect class="${kind}" x="${x}%" width="${width}%" height="10" rx="2"/></svg>`;
    const words = to === undefined ? readable(from) : `${readable(from)} – ${readable(to)}`;
    return `<li><span>${escaped(label)}</span> <small>${words}</small>${bar}</li>`;
  });
  return `<section><h2>Time line</h2>${element('ol', lines.join(''), 'times')}</section>`;
}
