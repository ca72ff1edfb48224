import { testAuthority, type TestIdentity } from '../../support/authority.ts';
import { detachedCms, type SignerForgery, type UsualAttributes } from './forge-cms.ts';
import { trustIn } from './attack.ts';

export const document = Buffer.from('Contract about 100 pieces\n');
export const other = Buffer.from('Contract about 900 pieces\n');
export const documents = { 'contract.txt': document };
export const authority = testAuthority({ name: 'Attacks CMS' });
export const trust = trustIn(authority);
export const rsa = authority.issue({ keyType: 'rsa2048', keyName: 'attacks', subject: 'RSA signer' });
export const ec = authority.issue({ keyType: 'p256', subject: 'EC signer' });

/** A detached CMS over the document by the RSA key, with what the attack changes. */
export function forged(
  change: Partial<SignerForgery> = {},
  signer: TestIdentity = rsa,
  certificates: readonly Buffer[] = signer.chain,
): Promise<Buffer> {
  return detachedCms({ signer, content: document, ...change }, certificates);
}

export const all = (usual: UsualAttributes): Buffer[] => [
  usual.contentType,
  usual.messageDigest,
  usual.signingTime,
  usual.signingCertificate,
];
