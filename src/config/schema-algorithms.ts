import { z } from 'zod';
import { anyDigests } from '../formats/digests.ts';
import type { AlgorithmRule } from '../model/algorithms.ts';
import { section } from './section.ts';

/** A date without time, or “never”: the algorithm has no known end. */
const endDate = z
  .string()
  .refine(
    (text) => text === 'never' || (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))),
    'a date is written 2031-01-01, or never',
  )
  .transform((text) => (text === 'never' ? undefined : text));

const ruleCommon = { end: endDate.optional(), legacy: endDate.optional(), source: z.string().min(1).default('configuration') };

/** One entry of `trust.algorithms`. */
export const algorithmRule = z
  .union(
    [
      section({
        digest: z.enum(anyDigests),
        ...ruleCommon,
      }),
      section({ key: z.enum(['rsa', 'ec', 'dsa']), from: z.int().min(0), to: z.int().min(1), ...ruleCommon }),
      section({ curve: z.string().min(1), ...ruleCommon }),
      section({ padding: z.literal('pkcs1'), ...ruleCommon }),
    ],
    { error: 'a rule names {digest: sha256}, {key: rsa, from: 1900, to: 2999}, {curve: NAME} or {padding: pkcs1}, and its end' },
  )
  .transform(({ end, legacy, source, ...subject }): AlgorithmRule => {
    return { subject, source, ...(end === undefined ? {} : { end }), ...(legacy === undefined ? {} : { legacy }) };
  });
