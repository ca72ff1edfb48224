import { liveChains } from './renew.ts';
import { parseTimestampToken, type TimestampToken } from '../formats/tsp.ts';
import { digestLife } from '../pki/algorithms.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { ArchiveToken } from '../model/archive.ts';
import type { RenewalKind } from '../model/renewal.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

/** What ends, when, and what renews it (RFC 4998 §5; evidence-records 22). */
export interface Ending {
  readonly kind: RenewalKind;
  readonly digest: DigestAlgorithm;
  /** Which of the independent records. */
  readonly n: number;
  /** UTC ms: from then on records of these chains prove nothing if nobody renews them. */
  readonly ends: number;
  /** `certificates of TSA end`, or the algorithm with its source. */
  readonly reason: string;
  /** How many chains, and the first and last tree or renewal that begins one. */
  readonly chains: number;
  readonly first: string;
  readonly last: string;
}

interface End {
  readonly ends: number;
  readonly reason: string;
}

/**
 * What must be renewed by when, soonest first: from the certificates in the newest timestamp of each chain, and from the algorithm
 * catalogue. An algorithm without known end gives no line.
 */
export async function endings(fx: Pick<Effects, 'store'>, trust: Trust): Promise<Ending[]> {
  const found = new Map<string, { -readonly [K in keyof Ending]: Ending[K] }>();
  const add = (kind: RenewalKind, digest: DigestAlgorithm, n: number, name: string, { ends, reason }: End): void => {
    if (!Number.isFinite(ends)) return;
    const key = `${kind} ${digest} ${n} ${ends} ${reason}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { kind, digest, n, ends, reason, chains: 1, first: name, last: name });
    else Object.assign(known, { chains: known.chains + 1, last: name });
  };
  const endOf = tokenEnds(trust);
  for await (const { start, n, digest, tokens } of liveChains(fx)) {
    const newest = tokens.at(-1);
    if (newest === undefined) continue;
    const name = 'tree' in start ? start.tree : start.renewal;
    add('timestamps', digest, n, name, endOf(newest));
    const life = digestLife(digest, trust.catalogue);
    add('hash-tree', digest, n, name, { ends: life.end, reason: `${life.name} ends (${life.endSource})` });
  }
  return [...found.values()].sort((a, b) => a.ends - b.ends);
}

/** End of a token's certificates and of its signature's algorithms; judged once for all tokens that were signed alike. */
function tokenEnds(trust: Trust): (token: ArchiveToken) => End {
  const known = new Map<string, End>();
  return ({ token, genTime, tsa }) => {
    const parsed = parseTimestampToken(token);
    const key = signedAlike(parsed);
    const end = known.get(key) ?? judge(parsed, genTime, tsa, trust);
    known.set(key, end);
    return end;
  };
}

function signedAlike({ cms, messageImprint }: TimestampToken): string {
  const certificates = [...cms.certificates].map((der) => der.toString('latin1')).sort();
  const [signer] = cms.signers;
  return [messageImprint.algorithm, signer?.signatureAlgorithm.toString('latin1') ?? '', ...certificates].join('|');
}

function judge(token: TimestampToken, genTime: number, tsa: string, trust: Trust): End {
  const { chain, lives } = judgeTimestamp(token, { kind: 'evidence-record', trust, at: genTime });
  const certificates = { ends: chain?.endsAt ?? genTime, reason: `the certificates of ${tsa} end` };
  // The imprint's digest is the tree's: a new timestamp does not make it stronger.
  const algorithms = lives.slice(1).map(({ name, end, endSource }) => ({ ends: end, reason: `${name} ends (${endSource})` }));
  return algorithms.reduce((soonest, one) => (one.ends < soonest.ends ? one : soonest), certificates);
}
