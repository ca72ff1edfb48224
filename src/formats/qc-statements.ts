import { children, Fields, parse, readOid, Tag } from './der.ts';
import { nameValues } from './names-dn.ts';
import { oids } from './oids.ts';
import type { Certificate } from './x509.ts';

/** What a certificate states about itself as a qualified one (EN 319 412-5 §4.2). */
export interface QcStatements {
  /** QcCompliance: the issuer says that it is a qualified certificate. */
  readonly compliance: boolean;
  /** QcType, dotted: for signatures of persons, seals, web sites; certificates from before eIDAS have none. */
  readonly types: readonly string[];
}

/**
 * The value of the extension qcStatements (RFC 3739 §3.2.6). Statements of other kinds are passed over. Hostile input.
 * @throws SealError SEAL-INPUT-INVALID
 */
export function parseQcStatements(value: Buffer): QcStatements {
  let compliance = false;
  const types: string[] = [];
  for (const statement of children(parse(value, Tag.sequence))) {
    const fields = new Fields(statement, 'QCStatement');
    const id = readOid(fields.next(Tag.oid));
    if (id === oids.qcCompliance) compliance = true;
    if (id === oids.qcType) types.push(...children(fields.next(Tag.sequence)).map(readOid));
  }
  return { compliance, types };
}

/** Attributes that only the name of a natural person has (EN 319 412-2 §4.2.4). */
const personal = [oids.surname, oids.givenName, oids.pseudonym];

/**
 * Whether it is a qualified certificate for the signature of a natural person, not for the seal of an organisation. Where QcType is missing
 * the subject's name tells.
 * @throws SealError SEAL-INPUT-INVALID when extensions or name are malformed
 */
export function isQualifiedPersonal({ extensions, subject }: Certificate): boolean {
  const extension = extensions.get(oids.qcStatements);
  if (extension === undefined) return false;
  const { compliance, types } = parseQcStatements(extension.value);
  if (!compliance) return false;
  if (types.length > 0) return types.includes(oids.qcTypeEsign);
  return personal.some((type) => nameValues(subject, type).length > 0);
}
