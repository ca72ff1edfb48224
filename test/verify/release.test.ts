import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { sha256 } from '../../src/formats/digests.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import { pades } from '../../src/formats/pades.ts';
import { ReleaseVerifier } from '../../src/verify/release.ts';
import { verifyFile } from '../../src/verify/verify.ts';
import { signDocument } from '../formats/signing.ts';
import { testAuthority, type TestAuthority, type TestIdentity } from '../support/authority.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import type { BatchDocument } from '../../src/model/batch.ts';
import type { Level } from '../../src/model/signature.ts';
import type { DocumentWork, VerifyJob, VerifyOptions } from '../../src/ports/documents.ts';

const authority = testAuthority({ name: 'Release' });
const identity = authority.issue({ subject: 'Key' });
const other = authority.issue({ subject: 'Other key' });
const stranger = testAuthority({ name: 'Stranger' });
const invoice = readFileSync(new URL('../../fixtures/documents/pdftex.pdf', import.meta.url));
const options = { format: pades, packaging: 'embedded' } as const;
const sign = (who: TestIdentity, document: Buffer, timestampFrom?: TestAuthority): Promise<Buffer> =>
  signDocument(who, document, { ...options, ...(timestampFrom && { timestampFrom }) });

/** What the verifier says about an output that the key of `identity` is said to have signed. */
async function verdictOn(output: Buffer, level: Level = 'B-B'): Promise<string> {
  const verify = (jobs: readonly VerifyJob[], verifyOptions: VerifyOptions) =>
    Promise.resolve(
      jobs.map(({ name, fileDigests = [] }) => ({
        ok: true as const,
        value: verifyFile({ name, source: bufferSource(output), detached: [], digests: [], evidence: [], fileDigests }, verifyOptions),
      })),
    );
  const documents: Pick<DocumentWork, 'verify'> = { verify };
  const revocation = { find: () => Promise.resolve({ crls: authority.crls(), ocsps: [], failures: [] }) };
  const fx = { clock: new ManualClock(authority.now()), log: new CollectingLog(), revocation, documents: documents as DocumentWork };
  const settings = {
    anchors: [authority.root.certificate],
    certificates: [],
    revocationMode: 'require' as const,
    maxAge: 60_000,
    archiveDigest: 'sha256' as const,
  };
  const document: BatchDocument = {
    id: 1,
    batch: 'b',
    seq: 0,
    relPath: Buffer.from('invoice.pdf'),
    size: invoice.length,
    digests: [],
    state: 'signed',
    signature: {
      key: 'k',
      certificate: sha256(identity.certificate),
      format: 'pades',
      level,
      signingTime: authority.now(),
      parts: [output],
      outputName: Buffer.from('invoice.pdf'),
    },
  };
  const { verified, wait } = await new ReleaseVerifier(fx, settings).verify([{ document, input: 'none' }]);
  if (wait) return 'wait';
  return verified[0]?.error === undefined ? 'leaves' : verified[0].error.code;
}

test('an output leaves when the signature just made passes, with the timestamp that its level promises', async () => {
  assert.equal(await verdictOn(await sign(identity, invoice)), 'leaves');
  assert.equal(await verdictOn(await sign(identity, invoice, authority), 'B-T'), 'leaves');
});

test('it stays when the signature is missing, is that of another key, or lacks its timestamp', async () => {
  assert.equal(await verdictOn(invoice), 'SEAL-VERIFY-FAILED');
  assert.equal(await verdictOn(await sign(other, invoice)), 'SEAL-VERIFY-FAILED');
  assert.equal(await verdictOn(await sign(other, await sign(identity, invoice))), 'SEAL-VERIFY-FAILED');
  assert.equal(await verdictOn(await sign(identity, invoice), 'B-T'), 'SEAL-VERIFY-FAILED');
  assert.equal(await verdictOn(await sign(identity, invoice, stranger), 'B-T'), 'SEAL-VERIFY-FAILED');
});

test('an earlier signature of a stranger does not hold it back; a damaged one does', async () => {
  const signed = await sign(stranger.issue({ subject: 'Supplier' }), invoice);
  assert.equal(await verdictOn(await sign(identity, signed)), 'leaves');
  const damaged = Buffer.from(signed);
  const at = damaged.indexOf('/Producer') + 12;
  damaged.writeUInt8((damaged[at] ?? 0) ^ 1, at);
  assert.equal(await verdictOn(await sign(identity, damaged)), 'SEAL-VERIFY-FAILED');
});
