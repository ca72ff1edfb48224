import { escaped } from './markup.ts';
import { timestampKinds } from './words.ts';
import type { FileReport, SignatureReport } from '../../model/verification.ts';

interface Bar {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}
interface Mark {
  readonly label: string;
  readonly at: number;
  readonly kind: 'claimed' | 'proven' | 'now' | 'end';
}

const width = 560;
const margin = 8;
/** Words above, the bar or the mark below. */
const row = 38;

/**
 * The time line of a signature as SVG: how long each certificate is valid, what was claimed and proven when, and the time of the
 * verification. Times that do not parse are left out.
 */
export function timeline(report: FileReport, signature: SignatureReport): string {
  const bars = signature.chain.certificates.map(({ subject, notBefore, notAfter }) => ({
    label: shortName(subject),
    from: Date.parse(notBefore),
    to: Date.parse(notAfter),
  }));
  const marks = marksOf(report, signature).filter(({ at }) => Number.isFinite(at));
  // The signer's certificate sets the scale: an authority's thirty years would leave nothing to see.
  const [own] = bars;
  const times = [...(own ? [own.from, own.to] : []), ...marks.map(({ at }) => at)].filter(Number.isFinite);
  const from = Math.min(...times);
  const span = Math.max(...times) - from;
  if (times.length < 2 || span <= 0) return '';
  const place = (time: number): number => margin + ((Math.min(Math.max(time, from), from + span) - from) / span) * (width - 2 * margin);
  const height = (bars.length + marks.length) * row + 30;
  const body = [
    ...bars.map((bar, at) => drawBar(bar, at * row, place)),
    ...marks.map((mark, at) => drawMark(mark, (bars.length + at) * row, place, height)),
    axis(from, from + span, height, place),
  ];
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="time line">${body.join('')}</svg>`;
}

function marksOf(report: FileReport, signature: SignatureReport): Mark[] {
  const proofs = [
    ...[...signature.timestamps, ...report.timestamps].map(({ kind, genTime }) => ({
      label: timestampKinds[kind],
      at: Date.parse(genTime),
    })),
    ...report.evidenceRecords.flatMap(({ provenSince }) =>
      provenSince === undefined ? [] : [{ label: 'evidence record', at: Date.parse(provenSince) }],
    ),
  ];
  return [
    ...(signature.signingTime === undefined
      ? []
      : [{ label: 'claimed time of signing', at: Date.parse(signature.signingTime), kind: 'claimed' as const }]),
    ...proofs.map((proof) => ({ ...proof, kind: 'proven' as const })),
    { label: 'this verification', at: Date.parse(report.validationTime), kind: 'now' as const },
    ...report.evidenceRecords.flatMap(({ provesUntil }) =>
      provesUntil === undefined ? [] : [{ label: 'evidence record proves until', at: Date.parse(provesUntil), kind: 'end' as const }],
    ),
  ];
}

function drawBar({ label, from, to }: Bar, top: number, place: (time: number) => number): string {
  const [left, right] = [place(from), place(to)];
  return (
    `<rect class="bar" x="${round(left)}" y="${top + 22}" width="${round(Math.max(2, right - left))}" height="12" rx="2"/>` +
    text(margin + 5, top + 17, label, 'start')
  );
}

function drawMark({ label, at, kind }: Mark, top: number, place: (time: number) => number, height: number): string {
  const x = round(place(at));
  const day = new Date(at).toISOString().slice(0, 16).replace('T', ' ');
  return (
    `<line class="mark ${kind}" x1="${x}" x2="${x}" y1="0" y2="${height - 25}"/><circle class="mark ${kind}" cx="${x}" cy="${top + 28}" r="5"/>` +
    text(margin + 5, top + 17, `${label}, ${day}`, 'start')
  );
}

function axis(from: number, to: number, height: number, place: (time: number) => number): string {
  const y = height - 22;
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  return (
    `<line class="axis" x1="${margin}" x2="${width - margin}" y1="${y}" y2="${y}"/>` +
    text(place(from), height - 6, day(from), 'start') +
    text(place(to), height - 6, day(to), 'end')
  );
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end'): string {
  return `<text x="${round(x)}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The common name of an RFC 4514 name, or as much of it as there is room for. */
export function shortName(subject: string): string {
  const name = /(?:^|,)CN=((?:\\.|[^,\\])+)/.exec(subject)?.[1]?.replace(/\\(.)/g, '$1') ?? subject;
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}
