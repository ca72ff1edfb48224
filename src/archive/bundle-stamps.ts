import { walkRecord, type KnownObject, type Walk } from './bundle-page/walk.ts';
import { encodeArchiveTimeStampSequence } from '../formats/ers-write.ts';
import { parseEvidenceRecord } from '../formats/ers.ts';
import { nameValues } from '../formats/names-dn.ts';
import { oids } from '../formats/oids.ts';
import { parseTimestampToken, type TimestampToken } from '../formats/tsp.ts';
import { distinguishedName, type Certificate } from '../formats/x509.ts';
import { judgeTimestamp } from '../pki/timestamps.ts';
import type { Trust } from '../pki/trust.ts';

/** A timestamp of an evidence record, and the way to it. */
export interface ProofStamp {
  /** In the record, from 0. */
  readonly position: number;
  readonly walk: Walk;
  /** DER TimeStampToken. */
  readonly token: Buffer;
  readonly parsed: TimestampToken;
  /** What the authority is called. */
  readonly authority: string;
  readonly certificate: Certificate | undefined;
  /** UTC ms: until when it would prove by itself. */
  readonly ends: number;
  /** Hexadecimal hashes that join on the way, a list a level, without what the path begins with: the first object, or the token before. */
  readonly path: readonly (readonly string[])[];
  /** DER ArchiveTimeStampSequence of the chains before, for a chain that renews the hashes (RFC 4998 §5.3). */
  readonly sequence?: Buffer;
}

/** The timestamps of a record of our own, oldest first. @throws SealError SEAL-INPUT-INVALID */
export function bundleStamps(record: Buffer, objects: readonly KnownObject[], trust: Trust): ProofStamp[] {
  const { chains } = parseEvidenceRecord(record);
  const stamps = chains.flatMap(({ timestamps }) => timestamps);
  return walkRecord(record, objects).flatMap((walk, position) => {
    const stamp = stamps[position];
    if (stamp === undefined) return [];
    const parsed = parseTimestampToken(stamp.timeStamp);
    const { certificate, provesUntil } = judgeTimestamp(parsed, { kind: 'evidence-record', trust, at: parsed.genTime });
    const lists = (stamp.reducedHashtree ?? []).map((list) => list.map((hash) => hash.toString('hex')));
    const before =
      walk.kind === 'hash-tree' ? encodeArchiveTimeStampSequence(chains.slice(0, walk.chain).map(({ raw }) => raw)) : undefined;
    return {
      position,
      walk,
      token: stamp.timeStamp,
      parsed,
      authority: certificate === undefined ? 'an unknown authority' : nameOf(certificate),
      certificate,
      ends: provesUntil,
      path: withoutStart(lists, walk),
      ...(before === undefined ? {} : { sequence: before }),
    };
  });
}

/** A list that holds nothing else is no level: its one hash passes through. */
function withoutStart([first = [], ...rest]: readonly (readonly string[])[], { kind, beginnings }: Walk): (readonly string[])[] {
  const start = (kind === 'timestamps' ? beginnings.at(-1) : beginnings[0])?.hash;
  const at = start === undefined ? 0 : first.indexOf(start);
  const others = first.filter((_, n) => n !== at);
  return others.length === 0 ? rest : [others, ...rest];
}

/** Common name, or the whole name where there is none. */
export function nameOf({ subject }: Certificate): string {
  return nameValues(subject, oids.commonName)[0] ?? distinguishedName(subject);
}
