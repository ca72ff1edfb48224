import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openAuthority } from '../../src/authority/authority.ts';
import { issueCertificate } from '../../src/authority/ca.ts';
import { writePkcs12 } from '../../src/formats/pkcs12-write.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { systemRandom } from '../../src/effects/random.ts';
import type { House } from './house.ts';

export interface Signer {
  readonly privateKey: KeyObject;
  /** DER, the signer's first. */
  readonly chain: readonly Buffer[];
}

const day = 86_400_000;

/** A signer that the evaluation authority of the house certified. @param validity days from now */
export async function makeSigner(
  house: House,
  validity: { readonly from: number; readonly to: number } = { from: -1, to: 365 },
): Promise<Signer> {
  const files = nodeFiles();
  try {
    const { issuing } = await openAuthority({ files }, join(house.directory, 'keys/evaluation'));
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const [notBefore, notAfter] = [Date.now() + validity.from * day, Date.now() + validity.to * day];
    const subject = { organization: 'Sealtree EVALUATION', commonName: 'Signer of a test' };
    const certificate = issueCertificate({ random: systemRandom }, issuing, { subject, publicKey, profile: 'signer', notBefore, notAfter });
    return { privateKey, chain: [certificate, issuing.certificate] };
  } finally {
    await files.close();
  }
}

/** Writes `keys/NAME.p12` with the passphrase of the evaluation keys. @returns what the configuration says of it */
export async function writeSoftwareKey(house: House, name: string, { privateKey, chain }: Signer): Promise<object> {
  const passphrase = Buffer.from(readFileSync(join(house.directory, 'keys/evaluation.pass')).toString().trim());
  const content = { privateKey, certificates: chain, passphrase, random: randomBytes };
  writeFileSync(join(house.directory, `keys/${name}.p12`), await writePkcs12(content), { mode: 0o600 });
  return { source: 'pkcs12', file: `./keys/${name}.p12`, passphrase: { file: './keys/evaluation.pass' } };
}

/** Makes these the keys of the root `files`; a semaphore chooses one. */
export function useKeys(house: House, keys: Readonly<Record<string, object>>): void {
  house.edit((document) => {
    for (const [name, settings] of Object.entries(keys)) document.setIn(['keys', name], document.createNode(settings));
    document.setIn(['roots', 'files', 'keys'], document.createNode(Object.keys(keys)));
  });
}
