import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import {
  bitString,
  boolean,
  context,
  encode,
  generalizedTime,
  integer,
  octetString,
  oid,
  sequence,
  setOf,
  Tag,
  time,
  unsigned,
} from '../../src/formats/der.ts';
import { digestAlgorithmIdentifier, keyTypeOf, signatureAlgorithmIdentifier } from '../../src/formats/algorithms.ts';
import { certIdOf } from '../../src/formats/ocsp.ts';
import { oids } from '../../src/formats/oids.ts';
import { keyUsages, revocationReasons } from '../../src/formats/x509-extensions.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import type { KeyObject } from 'node:crypto';
import type { Certificate, KeyUsage } from '../../src/formats/x509.ts';
import type { AnyDigest } from '../../src/model/algorithms.ts';

/** Certificates, CRLs and OCSP answers with any field set to anything: for what no honest authority issues. */

export const day = 86_400_000;
/** The time at which everything here is valid unless a test says otherwise. */
export const noon = Date.UTC(2026, 5, 1, 12);

export interface Entity {
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
}

export interface Extension {
  readonly id: string;
  readonly critical?: boolean;
  readonly value: Buffer;
}

/** DER Name from attributes in order, by OID name. */
export function nameOf(...attributes: readonly (readonly [keyof typeof oids, string])[]): Buffer {
  return sequence(...attributes.map(([type, value]) => setOf(sequence(oid(oids[type]), encode(Tag.utf8String, Buffer.from(value))))));
}

export const cn = (value: string): Buffer => nameOf(['commonName', value]);

export function encodeExtensions(extensions: readonly Extension[]): Buffer {
  return sequence(
    ...extensions.map(({ critical, id, value }) => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))),
  );
}

function namedBits<T extends string>(names: readonly T[], set: readonly T[]): Buffer {
  const octets = Buffer.alloc(2);
  for (const name of set) {
    const bit = names.indexOf(name);
    octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  return bitString(octets);
}

export const extension = {
  basicConstraints: (ca: boolean, pathLength?: number): Extension => ({
    id: oids.basicConstraints,
    critical: true,
    value: sequence(...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])),
  }),
  keyUsage: (...usages: KeyUsage[]): Extension => ({ id: oids.keyUsage, critical: true, value: namedBits(keyUsages, usages) }),
  extendedKeyUsage: (critical: boolean, ...purposes: string[]): Extension => ({
    id: oids.extKeyUsage,
    critical,
    value: sequence(...purposes.map((purpose) => oid(purpose))),
  }),
  distributionPoints: (...points: Buffer[]): Extension => ({ id: oids.cRLDistributionPoints, value: sequence(...points) }),
  noCheck: (): Extension => ({ id: oids.ocspNoCheck, value: Buffer.from([Tag.null, 0]) }),
  crlNumber: (number: number): Extension => ({ id: oids.cRLNumber, value: integer(number) }),
  deltaIndicator: (base: number): Extension => ({ id: oids.deltaCRLIndicator, critical: true, value: integer(base) }),
  issuingDistributionPoint: (...fields: Buffer[]): Extension => ({
    id: oids.issuingDistributionPoint,
    critical: true,
    value: sequence(...fields),
  }),
  nameConstraints: (permitted: readonly Buffer[], excluded: readonly Buffer[] = []): Extension => ({
    id: oids.nameConstraints,
    critical: true,
    value: sequence(
      ...(permitted.length === 0 ? [] : [encode(context(0, true), ...permitted.map((base) => sequence(base)))]),
      ...(excluded.length === 0 ? [] : [encode(context(1, true), ...excluded.map((base) => sequence(base)))]),
    ),
  }),
  subjectAltName: (...names: Buffer[]): Extension => ({ id: oids.subjectAltName, value: sequence(...names) }),
};

/** GeneralName by kind. */
export const generalName = {
  mail: (value: string) => encode(context(1), Buffer.from(value)),
  dns: (value: string) => encode(context(2), Buffer.from(value)),
  directory: (name: Buffer) => encode(context(4, true), name),
  uri: (value: string) => encode(context(6), Buffer.from(value)),
  address: (...octets: number[]) => encode(context(7), Buffer.from(octets)),
  other: (type: string, value: Buffer) => encode(context(0, true), oid(type), encode(context(0, true), value)),
};

/** ReasonFlags as the content of an implicitly tagged field. */
export function reasonFlags(tag: number, ...reasons: (typeof revocationReasons)[number][]): Buffer {
  const content = namedBits(revocationReasons, reasons);
  return encode(tag, content.subarray(2));
}

/** [0] DistributionPointName with one URI. */
export function pointName(uri: string): Buffer {
  return encode(context(0, true), encode(context(0, true), generalName.uri(uri)));
}

export interface CertificateOptions {
  readonly subject?: Buffer;
  /** Absent: self-signed. */
  readonly issuer?: Entity;
  readonly extensions?: readonly Extension[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly serialNumber?: Buffer;
  readonly privateKey?: KeyObject;
  readonly version?: 1 | 3;
  /** Other signature algorithm than the issuer key's usual one. */
  readonly digest?: AnyDigest;
}

let serial = 1;

/** A certificate with its key, P-256 unless given. */
export function makeCertificate(options: CertificateOptions = {}): Entity {
  const privateKey = options.privateKey ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const subject = options.subject ?? cn(`entity ${serial}`);
  const signer = options.issuer?.privateKey ?? privateKey;
  const algorithm = signatureOf(signer, options.digest);
  const extensions = options.extensions ?? [];
  const tbs = sequence(
    ...(options.version === 1 ? [] : [encode(context(0, true), integer(2))]),
    encode(Tag.integer, options.serialNumber ?? Buffer.from([1, serial >> 8, serial++ & 0xff])),
    algorithm.identifier,
    options.issuer?.certificate.subject ?? subject,
    sequence(time(options.notBefore ?? noon - 100 * day), time(options.notAfter ?? noon + 100 * day)),
    subject,
    publicKey,
    ...(extensions.length === 0 ? [] : [encode(context(3, true), encodeExtensions(extensions))]),
  );
  const der = sequence(tbs, algorithm.identifier, bitString(algorithm.sign(tbs)));
  return { certificate: parseCertificate(der), privateKey };
}

/** A CA with the usual extensions and more. */
export function makeCa(options: CertificateOptions & { readonly pathLength?: number } = {}): Entity {
  const usual = [extension.basicConstraints(true, options.pathLength), extension.keyUsage('keyCertSign', 'cRLSign')];
  return makeCertificate({ ...options, extensions: [...usual, ...(options.extensions ?? [])] });
}

function signatureOf(key: KeyObject, digest: AnyDigest = 'sha256') {
  if (digest === 'sha1') return { identifier: sequence(oid(oids.ecdsaWithSHA1)), sign: (data: Buffer) => sign('sha1', data, key) };
  const type = keyTypeOf(createPublicKey(key));
  const identifier = signatureAlgorithmIdentifier(type, { digest: 'sha256', padding: 'pkcs1' });
  return { identifier, sign: (data: Buffer) => sign('sha256', data, key) };
}

export interface CrlEntry {
  readonly serialNumber: Buffer;
  readonly date: number;
  /** Number of CRLReason. */
  readonly reason?: number;
  readonly extensions?: readonly Extension[];
}

export interface CrlOptions {
  readonly signer: Entity;
  readonly issuerName?: Buffer;
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | 'none';
  readonly entries?: readonly CrlEntry[];
  readonly extensions?: readonly Extension[];
}

/** DER CertificateList. */
export function makeCrl(options: CrlOptions): Buffer {
  const algorithm = signatureOf(options.signer.privateKey);
  const entries = (options.entries ?? []).map(({ date, extensions = [], reason, serialNumber }) => {
    const reasonCode = reason === undefined ? [] : [{ id: oids.cRLReasons, value: encode(Tag.enumerated, Buffer.from([reason])) }];
    const all = [...reasonCode, ...extensions];
    return sequence(encode(Tag.integer, serialNumber), time(date), ...(all.length === 0 ? [] : [encodeExtensions(all)]));
  });
  const extensions = options.extensions ?? [extension.crlNumber(1)];
  const tbs = sequence(
    integer(1),
    algorithm.identifier,
    options.issuerName ?? options.signer.certificate.subject,
    time(options.thisUpdate ?? noon - day),
    ...(options.nextUpdate === 'none' ? [] : [time(options.nextUpdate ?? noon + 6 * day)]),
    ...(entries.length === 0 ? [] : [sequence(Buffer.concat(entries))]),
    ...(extensions.length === 0 ? [] : [encode(context(0, true), encodeExtensions(extensions))]),
  );
  return sequence(tbs, algorithm.identifier, bitString(algorithm.sign(tbs)));
}

export interface OcspOptions {
  readonly about: Certificate;
  readonly issuer: Entity;
  /** Who signs; the issuer by default. */
  readonly signer?: Entity;
  readonly status?: 'good' | 'unknown' | { readonly revokedAt: number; readonly reason?: number };
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | 'none';
  readonly producedAt?: number;
  readonly certificates?: readonly Certificate[];
  readonly digest?: AnyDigest;
  readonly byKey?: Buffer;
  readonly extensions?: readonly Extension[];
}

/** DER BasicOCSPResponse. */
export function makeOcsp(options: OcspOptions): Buffer {
  const signer = options.signer ?? options.issuer;
  const algorithm = signatureOf(signer.privateKey);
  const id = certIdOf(options.about, options.issuer.certificate, options.digest ?? 'sha1');
  const thisUpdate = options.thisUpdate ?? noon - day;
  const { byKey, nextUpdate, status = 'good' } = options;
  const single = sequence(
    sequence(
      digestAlgorithmIdentifier(id.hashAlgorithm),
      octetString(id.issuerNameHash),
      octetString(id.issuerKeyHash),
      encode(Tag.integer, id.serialNumber),
    ),
    statusOf(status),
    generalizedTime(thisUpdate),
    ...(nextUpdate === 'none' ? [] : [encode(context(0, true), generalizedTime(nextUpdate ?? noon + 6 * day))]),
  );
  const data = sequence(
    byKey === undefined ? encode(context(1, true), signer.certificate.subject) : encode(context(2, true), octetString(byKey)),
    generalizedTime(options.producedAt ?? thisUpdate),
    sequence(single),
    ...(options.extensions === undefined ? [] : [encode(context(1, true), encodeExtensions(options.extensions))]),
  );
  const certificates = (options.certificates ?? []).map(({ der }) => der);
  const embedded = certificates.length === 0 ? [] : [encode(context(0, true), sequence(...certificates))];
  return sequence(data, algorithm.identifier, bitString(algorithm.sign(data)), ...embedded);
}

function statusOf(status: NonNullable<OcspOptions['status']>): Buffer {
  if (status === 'good') return encode(context(0));
  if (status === 'unknown') return encode(context(2));
  const reason = status.reason === undefined ? [] : [encode(context(0, true), encode(Tag.enumerated, Buffer.from([status.reason])))];
  return encode(context(1, true), generalizedTime(status.revokedAt), ...reason);
}

/** Content octets of an unsigned INTEGER. */
export function serialOf(value: number): Buffer {
  return unsigned(Buffer.from(value.toString(16).padStart(8, '0'), 'hex')).subarray(2);
}
