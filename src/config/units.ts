import { z } from 'zod';

const millisecondsPer: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_557_600_000,
};
const bytesPer: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

function quantity(units: Readonly<Record<string, number>>, example: string, text: string, context: z.RefinementCtx<string>): number {
  const match = /^(?<number>\d+(?:\.\d+)?)\s*(?<unit>[A-Za-z]+)$/.exec(text.trim());
  const wanted = match?.groups?.['unit']?.toLowerCase();
  const factor = Object.entries(units).find(([unit]) => unit.toLowerCase() === wanted)?.[1];
  if (match?.groups === undefined || factor === undefined) {
    context.addIssue({
      code: 'custom',
      message: `“${text}” needs a number and one of ${Object.keys(units).join(', ')}, for example ${example}`,
    });
    return z.NEVER;
  }
  return Math.round(Number(match.groups['number']) * factor);
}

/** `5s`, `30m`, `24h`, `7d`, `10y` → ms. */
export const duration = z.string().transform((text, context) => quantity(millisecondsPer, '30s', text, context));

/** `500MB`, `2GiB` → bytes; `500 mb` is the same. */
export const size = z.string().transform((text, context) => quantity(bytesPer, '2GiB', text, context));

/** `HOST:PORT` of a loopback listener. Port 0 lets the system choose. */
export const loopback = z.string().transform((text, context) => {
  const match = /^(?<host>127(?:\.\d{1,3}){3}|localhost|\[::1\]):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match?.groups?.['host'] === undefined || port > 65_535) {
    context.addIssue({ code: 'custom', message: `“${text}” must be a loopback address with a port, for example 127.0.0.1:9464` });
    return z.NEVER;
  }
  return { host: match.groups['host'].replace(/^\[|\]$/g, ''), port };
});
