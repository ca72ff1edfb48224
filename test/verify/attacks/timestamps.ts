import { digestAlgorithmIdentifier, digestOf } from '../../../src/formats/algorithms.ts';
import { boolean, encode, generalizedTime, integer, octetString, oid, sequence, context } from '../../../src/formats/der.ts';
import { oids } from '../../../src/formats/oids.ts';
import { extendedKeyUsage, keyUsage } from '../../../src/authority/extensions.ts';
import { testAuthority, type TestIdentity } from '../../support/authority.ts';
import { collector, trustIn, type Attack } from './attack.ts';
import { attribute, signedData, signerInfo, signingCertificateV1, type SignerForgery } from './forge-cms.ts';
import type { AnyDigest } from '../../../src/model/algorithms.ts';

const day = 86_400_000;
const document = Buffer.from('Minutes of the meeting\n');
const documents = { 'minutes.txt': document };

interface TokenForgery {
  readonly tsa: TestIdentity;
  readonly over: Buffer;
  /** UTC ms. */
  readonly at: number;
  readonly imprintDigest?: AnyDigest;
  /** More fields of TSTInfo. */
  readonly fields?: readonly Buffer[];
  /** What is written into the token after it was signed. */
  readonly content?: (info: Buffer) => Buffer;
  readonly contentType?: string;
  readonly change?: Partial<SignerForgery>;
  readonly certificates?: readonly Buffer[];
  readonly more?: readonly Buffer[];
}

/** A TimeStampToken with anything set to anything. */
async function forgedToken(forgery: TokenForgery): Promise<Buffer> {
  const {
    tsa,
    over,
    at,
    imprintDigest = 'sha256',
    fields = [],
    content = (info: Buffer): Buffer => info,
    contentType = oids.tstInfo,
    change = {},
  } = forgery;
  const info = sequence(
    integer(1),
    oid('1.2.3.4'),
    sequence(digestAlgorithmIdentifier(imprintDigest), octetString(digestOf(imprintDigest, over))),
    integer(at / 1000),
    generalizedTime(at),
    ...fields,
  );
  const signer = await signerInfo({
    signer: tsa,
    content: info,
    contentType: oids.tstInfo,
    attributes: (usual) => [usual.contentType, usual.messageDigest, usual.signingCertificate],
    ...change,
  });
  return signedData({
    contentType,
    content: octetString(content(info)),
    certificates: forgery.certificates ?? tsa.chain,
    signers: [signer, ...(forgery.more ?? [])],
  });
}

/** Tokens beside the document that they are about. */
export async function tokenAttacks(): Promise<readonly Attack[]> {
  const authority = testAuthority({ name: 'Attacks Tokens' });
  const at = authority.now();
  const issue = (subject: string, options: Parameters<typeof authority.issue>[0] = {}) =>
    authority.issue({ profile: 'tsa', subject, ...options });
  const tsa = issue('TSA');
  const named = {
    loose: issue('TSA not critical', { extensions: [extendedKeyUsage([oids.timeStamping], false)] }),
    two: issue('TSA and more', { extensions: [extendedKeyUsage([oids.timeStamping, oids.emailProtection], true)] }),
    none: issue('TSA without purpose', { profile: 'authentication', extendedKeyUsage: [] }),
    other: issue('Signer', { profile: 'signer' }),
    encrypts: issue('TSA that encrypts', { extensions: [keyUsage('keyEncipherment')] }),
    expired: issue('TSA expired', { notBefore: at - 300 * day, notAfter: at - day }),
    future: issue('TSA of tomorrow', { notBefore: at + day }),
    revoked: issue('TSA revoked', { notBefore: at - 100 * day }),
    retired: issue('TSA retired', { notBefore: at - 100 * day }),
  };
  authority.revoke(named.revoked, { at: at - 10 * day, reason: 'keyCompromise' });
  authority.revoke(named.retired, { at: at - 10 * day, reason: 'cessationOfOperation' });
  const trust = trustIn(authority);
  const { attacks, add } = collector('token', trust);
  const made = (forgery: Partial<TokenForgery> = {}) => forgedToken({ tsa, over: document, at, ...forgery });
  const beside = { documents };
  const purpose = 'INDETERMINATE CHAIN_CONSTRAINTS_FAILURE';
  add('sound: a token', 'TOTAL-PASSED', await made(), beside);
  add(
    'sound: signing-certificate of version 1',
    'TOTAL-PASSED',
    await made({ change: { attributes: (usual) => [usual.contentType, usual.messageDigest, signingCertificateV1(tsa.certificate)] } }),
    beside,
  );
  add('sound: its authority retired after it', 'TOTAL-PASSED', await made({ tsa: named.retired, at: at - 20 * day }), {
    ...beside,
    note: 'RFC 3161 §4: tokens from before the authority retired stay good; DSS demands a proof of existence',
  });
  add('over another document', 'TOTAL-FAILED HASH_FAILURE', await made({ over: Buffer.from('other') }), beside);
  add('imprint with SHA-1', 'INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE_NO_POE', await made({ imprintDigest: 'sha1' }), beside);
  add(
    'TSTInfo replaced after signing',
    'TOTAL-FAILED HASH_FAILURE',
    await made({ content: (info) => Buffer.from(info.toString('latin1').replace(/20\d{12}Z/, '20200101000000Z'), 'latin1') }),
    beside,
  );
  add('another content type around it', 'TOTAL-FAILED HASH_FAILURE', await made({ contentType: oids.data }), { ...beside, kind: 'cms' });
  add('signed attributes missing', 'TOTAL-FAILED FORMAT_FAILURE', await made({ change: { attributes: 'none' } }), beside);
  add(
    'signing-certificate missing',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await made({ change: { attributes: (usual) => [usual.contentType, usual.messageDigest] } }),
    beside,
  );
  add(
    'two signatures',
    'TOTAL-FAILED FORMAT_FAILURE',
    await made({ more: [await signerInfo({ signer: named.other, content: document })] }),
    beside,
  );
  add(
    'unknown critical extension in TSTInfo',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await made({ fields: [encode(context(1, true), sequence(oid('1.2.3.9'), boolean(true), octetString(Buffer.alloc(2))))] }),
    beside,
  );
  add('purpose timeStamping not critical', purpose, await made({ tsa: named.loose }), beside);
  add('purpose timeStamping beside another', purpose, await made({ tsa: named.two }), beside);
  add('no purpose stated', purpose, await made({ tsa: named.none }), beside);
  add('certificate of a signer', purpose, await made({ tsa: named.other }), beside);
  add('key usage encipherment', purpose, await made({ tsa: named.encrypts }), beside);
  add('made after the end of its certificate', 'TOTAL-FAILED EXPIRED', await made({ tsa: named.expired }), beside);
  add('made before its certificate was valid', 'TOTAL-FAILED NOT_YET_VALID', await made({ tsa: named.future }), beside);
  add(
    'made in time, the certificate has expired since',
    'INDETERMINATE OUT_OF_BOUNDS_NO_POE',
    await made({ tsa: named.expired, at: at - 10 * day }),
    beside,
  );
  add('time in the future', 'INDETERMINATE TIMESTAMP_ORDER_FAILURE', await made({ at: at + 3 * day }), beside);
  add('made before its key was compromised', 'INDETERMINATE REVOKED_NO_POE', await made({ tsa: named.revoked, at: at - 20 * day }), beside);
  add('made after its key was compromised', 'INDETERMINATE REVOKED_NO_POE', await made({ tsa: named.revoked }), beside);
  add('made after its authority retired', 'INDETERMINATE REVOKED_NO_POE', await made({ tsa: named.retired }), beside);
  add(
    'by an unknown authority',
    'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND',
    await made({ tsa: testAuthority({ name: 'Nobody' }).tsaIdentity }),
    beside,
  );
  return attacks;
}

/** Timestamps inside signatures: what time they prove. */
export async function signatureTimestampAttacks(): Promise<readonly Attack[]> {
  const authority = testAuthority({ name: 'Attacks Time' });
  const at = authority.now();
  const tsa = authority.issue({ profile: 'tsa', subject: 'TSA', notBefore: at - 300 * day });
  const stranger = testAuthority({ name: 'Nobody' }).tsaIdentity;
  const issue = (subject: string, from: number, to: number) =>
    authority.issue({ subject, notBefore: at + from * day, notAfter: at + to * day });
  const good = issue('Signer', -100, 100);
  const expired = issue('Expired', -100, -5);
  const revoked = issue('Revoked', -100, 100);
  const later = issue('Issued yesterday', -1, 100);
  authority.revoke(revoked, { at: at - 10 * day, reason: 'keyCompromise' });
  const early = testCrl();
  const trust = trustIn(authority, { crls: [...authority.crls(), early] });
  const { attacks, add } = collector('cms', trust);
  const signed = async (
    signer: TestIdentity,
    days: number,
    over?: (value: Buffer) => Promise<Buffer>,
    type: string = oids.signatureTimeStampToken,
  ): Promise<Buffer> => {
    const token = over ?? ((value: Buffer) => forgedToken({ tsa, over: value, at: at + days * day }));
    const claimed = Math.max(at + days * day, at - 99 * day);
    const info = await signerInfo({
      signer,
      content: document,
      at: claimed,
      unsigned: async (value) => [attribute(type, await token(value))],
    });
    return signedData({ certificates: signer.chain, signers: [info] });
  };
  /** A CRL from before the expired certificate's end. */
  function testCrl(): Buffer {
    return authority.crl('issuing', { thisUpdate: at - 6 * day, nextUpdate: at + day });
  }
  const beside = { documents };
  add('sound: timestamped', 'TOTAL-PASSED', await signed(good, -1), beside);
  add('sound: timestamped before its certificate expired', 'TOTAL-PASSED', await signed(expired, -7), {
    ...beside,
    note: 'openssl does not look at timestamps; DSS takes no CRL about a certificate that has ended, not even one from before its end',
  });
  add('sound: timestamped before it was revoked', 'TOTAL-PASSED', await signed(revoked, -11), {
    ...beside,
    note: 'openssl does not look at timestamps',
  });
  add('timestamped after its certificate expired', 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED', await signed(expired, -3), beside);
  add('timestamped after it was revoked', 'INDETERMINATE REVOKED_NO_POE', await signed(revoked, -9), beside);
  add('timestamped before its certificate was issued', 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED', await signed(later, -2), beside);
  add(
    'revoked, timestamp over something else',
    'TOTAL-FAILED HASH_FAILURE',
    await signed(revoked, -11, () => forgedToken({ tsa, over: document, at: at - 11 * day })),
    beside,
  );
  add(
    'revoked, timestamp by an unknown authority',
    'INDETERMINATE REVOKED_NO_POE',
    await signed(revoked, -11, (value) => forgedToken({ tsa: stranger, over: value, at: at - 11 * day })),
    beside,
  );
  add(
    'revoked, timestamp with the certificate of a signer',
    'INDETERMINATE REVOKED_NO_POE',
    await signed(revoked, -11, (value) => forgedToken({ tsa: good, over: value, at: at - 11 * day })),
    beside,
  );
  add(
    'revoked, timestamp under another attribute',
    'INDETERMINATE REVOKED_NO_POE',
    await signed(revoked, -11, undefined, oids.contentTimestamp),
    beside,
  );
  add(
    'timestamp that is no token',
    'TOTAL-FAILED FORMAT_FAILURE',
    await signed(good, 0, () => Promise.resolve(sequence(integer(1)))),
    beside,
  );
  return attacks;
}
