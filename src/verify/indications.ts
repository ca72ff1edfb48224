import type { BlockIndication, FileReport, Indication, SubIndication } from '../model/verification.ts';

/** A verdict and, where it is not the best one, why. */
export interface Verdict<I extends Indication | BlockIndication = Indication> {
  readonly indication: I;
  readonly subIndication?: SubIndication;
}

/** Sub-indications of EN 319 102-1 table 2 that make a signature bad for good; all others leave it open. */
const failures: ReadonlySet<SubIndication> = new Set([
  'FORMAT_FAILURE',
  'HASH_FAILURE',
  'SIG_CRYPTO_FAILURE',
  'REVOKED',
  'EXPIRED',
  'NOT_YET_VALID',
]);

/** Verdict of a building block that found this, or nothing. */
export function blockVerdict(subIndication: SubIndication | undefined): Verdict<BlockIndication> {
  if (subIndication === undefined) return { indication: 'PASSED' };
  return { indication: failures.has(subIndication) ? 'FAILED' : 'INDETERMINATE', subIndication };
}

const overall: Readonly<Record<BlockIndication, Indication>> = {
  PASSED: 'TOTAL-PASSED',
  FAILED: 'TOTAL-FAILED',
  INDETERMINATE: 'INDETERMINATE',
};

/** A building block's verdict as that of the whole (EN 319 102-1 §5.1.3). */
export function totalVerdict({ indication, subIndication }: Verdict<BlockIndication>): Verdict {
  return { indication: overall[indication], ...(subIndication === undefined ? {} : { subIndication }) };
}

const rank: Readonly<Record<Indication, number>> = { 'TOTAL-PASSED': 0, INDETERMINATE: 1, 'TOTAL-FAILED': 2 };

/** The worst verdict, the first one of equals; undefined of none. */
export function worstOf(verdicts: readonly Verdict[]): Verdict | undefined {
  return verdicts.reduce<Verdict | undefined>(
    (worst, verdict) => (worst === undefined || rank[verdict.indication] > rank[worst.indication] ? verdict : worst),
    undefined,
  );
}

/**
 * The file's word: the worst of its signatures, of every timestamp on or inside them, and of its evidence records. It is ours, not the
 * standard's: a signature keeps its own word beside it, which a bad timestamp does not change (EN 319 102-1 §5.5.4).
 */
export function fileVerdict(report: Pick<FileReport, 'signatures' | 'timestamps' | 'evidenceRecords'>): Verdict {
  const blocks = [...report.signatures.flatMap(({ timestamps }) => timestamps), ...report.timestamps, ...report.evidenceRecords];
  const verdict = worstOf([...report.signatures, ...blocks.map(totalVerdict)]);
  if (verdict === undefined) return { indication: 'INDETERMINATE', subIndication: 'SIGNED_DATA_NOT_FOUND' };
  const { indication, subIndication } = verdict;
  return { indication, ...(subIndication === undefined ? {} : { subIndication }) };
}
