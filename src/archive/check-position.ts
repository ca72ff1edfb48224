import { z } from 'zod';
import type { CheckFinding } from './check-findings.ts';

const finding = z.object({ severity: z.enum(['damage', 'notice']), where: z.string(), what: z.string() });

const held = z.object({
  kind: z.enum(['previous-token', 'audit-head']),
  /** Hexadecimal. */
  hash: z.string(),
  tree: z.string(),
  digest: z.enum(['sha256', 'sha384', 'sha512']),
});

const schema = z.object({
  version: z.literal(1),
  /** Number of the last audit line when the check began. */
  lastLine: z.int().min(0),
  /** Renewals that were anchored when it began. */
  anchored: z.array(z.string()),
  /** Renewals whose trees were read. */
  renewals: z.array(z.string()),
  /** The last tree that was read. */
  tree: z.object({ id: z.string(), seq: z.int().min(1) }).optional(),
  /** Leaves, for the progress. */
  done: z.int().min(0),
  findings: z.array(finding),
  /** What the trees hold of each other and of the audit log. */
  links: z.array(held),
  /** Renewal → leaves of it that were seen to hold what they should. */
  held: z.array(z.tuple([z.string(), z.int().min(0)])),
  damaged: z.boolean(),
});

/** How far a check came. Plain data. */
export interface CheckPosition extends Readonly<z.infer<typeof schema>> {
  readonly findings: CheckFinding[];
}

/** Undefined for text that is no position of this version: the check begins anew. */
export function parsePosition(text: string): CheckPosition | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
