import { createPrivateKey, createPublicKey } from 'node:crypto';
import { resolve } from 'node:path';
import { SealError } from '../errors.ts';
import { readPem } from '../formats/pem.ts';
import { parseCertificate } from '../formats/x509.ts';
import { evaluationOrganization } from './names.ts';
import { Registry } from './registry.ts';
import { authorityKey } from './signing.ts';
import type { KeyObject } from 'node:crypto';
import type { Effects } from '../ports/effects.ts';
import type { Issuer, IssuerAddresses } from './ca.ts';
import type { IssuerName } from './registry.ts';
import type { DistinguishedName } from './names.ts';
import type { Identity } from './signing.ts';

/** The evaluation authority as it lies in its directory: two CAs, a TSA, an OCSP responder, and what they issued. */
export interface EvaluationAuthority {
  readonly dir: string;
  readonly root: Issuer;
  readonly issuing: Issuer;
  readonly tsa: Identity;
  readonly ocsp: Identity;
  readonly registry: Registry;
}

/** Policy in the tokens of the evaluation TSA: from the arc for examples (X.660 §A.4), it promises nothing. */
export const evaluationPolicy = '2.999.3161.1';

export const registryFile = (dir: string) => `${dir}/authority.json`;
export const keyFile = (dir: string, name: string) => `${dir}/${name}.key`;
export const certificateFile = (dir: string, name: string) => `${dir}/${name}.pem`;

/** Where `CrlPublisher` puts the CRLs of this authority: named in the registry relative to its directory, so that both can be moved. */
export function crlDirectory({ dir, registry }: Pick<EvaluationAuthority, 'dir' | 'registry'>): string {
  return resolve(dir, registry.crlDirectory);
}

/** Addresses that an issuer writes into certificates; must agree with the routes of http.ts. */
export function issuerAddresses(issuer: IssuerName, baseUrl: string): IssuerAddresses {
  return {
    crl: `${baseUrl}/crl/${issuer}.crl`,
    caIssuers: `${baseUrl}/ca/${issuer}.cer`,
    // The responder speaks for the issuing CA only; for the root's few certificates its CRL is enough.
    ...(issuer === 'issuing' ? { ocsp: `${baseUrl}/ocsp` } : {}),
  };
}

/**
 * Opens what `createAuthority` made.
 * @throws SealError SEAL-INPUT-MISSING (nothing there), SEAL-CONFIG-SECRET (key readable by others), SEAL-KEY-MISMATCH
 */
export async function openAuthority(fx: Pick<Effects, 'files'>, dir: string): Promise<EvaluationAuthority> {
  const registry = await Registry.open(fx, registryFile(dir));
  if (registry === undefined) {
    throw new SealError('SEAL-INPUT-MISSING', 'there is no evaluation authority', {
      where: dir,
      hint: 'run sealtree init, or remove the section evaluation from the configuration',
    });
  }
  const issuer = async (name: IssuerName): Promise<Issuer> => ({
    ...(await readIdentity(fx, dir, name)),
    addresses: issuerAddresses(name, registry.baseUrl),
  });
  const [root, issuing] = [await issuer('root'), await issuer('issuing')];
  return { dir, registry, root, issuing, tsa: await readIdentity(fx, dir, 'tsa'), ocsp: await readIdentity(fx, dir, 'ocsp') };
}

/** Reads NAME.key and NAME.pem and checks that they belong together. */
export async function readIdentity(fx: Pick<Effects, 'files'>, dir: string, name: string): Promise<Identity> {
  const privateKey = await readKey(fx, keyFile(dir, name));
  const path = certificateFile(dir, name);
  const [certificate] = readPem(await fx.files.read(path, 65_536));
  if (certificate === undefined) throw new SealError('SEAL-INPUT-INVALID', 'no certificate in the file', { where: path });
  if (!parseCertificate(certificate).publicKey().equals(createPublicKey(privateKey))) {
    throw new SealError('SEAL-KEY-MISMATCH', 'key and certificate of the evaluation authority do not belong together', {
      where: path,
      hint: 'restore the directory from a backup, or remove it whole and run sealtree init again',
    });
  }
  return { ...authorityKey(privateKey), certificate };
}

/** Reads a private key (PKCS#8 PEM) that only its owner can read. */
export async function readKey(fx: Pick<Effects, 'files'>, path: string): Promise<KeyObject> {
  const info = await fx.files.stat(path);
  if (info !== undefined && (info.mode & 0o077) !== 0) {
    throw new SealError('SEAL-CONFIG-SECRET', 'the key of the evaluation authority can be read by others', {
      where: path,
      hint: `chmod 600 ${path}`,
    });
  }
  const bytes = await fx.files.read(path, 65_536);
  try {
    return createPrivateKey(bytes);
  } catch (cause) {
    throw new SealError('SEAL-INPUT-INVALID', 'the key of the evaluation authority cannot be read', {
      where: path,
      cause,
      hint: 'restore the file from a backup',
    });
  } finally {
    bytes.fill(0);
  }
}

/** Subject of everything the evaluation authority certifies; the unit tells two installations apart. */
export function evaluationName(installation: string, commonName: string): DistinguishedName {
  return { organization: evaluationOrganization, organizationalUnit: `Installation ${installation}`, commonName };
}
