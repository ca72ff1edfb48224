import { readFileSync } from 'node:fs';
import { cades } from '../../src/formats/cades.ts';
import { dssRate } from '../dss/dss.ts';
import { interleave, print } from '../measure.ts';
import { identity, rawSign, signInMemory } from '../signer.ts';

/** CAdES-B detached, small document, RSA-2048, in memory: against the key alone, and against EU DSS. */
export default async function row(): Promise<void> {
  const signer = identity('rsa2048');
  const document = readFileSync(new URL('../../fixtures/documents/invoice.xml', import.meta.url));
  const n = 1000;
  const rates = await interleave({
    ours: { n, run: signInMemory(cades, signer, document, n) },
    raw: { n, run: rawSign(signer.privateKey, n) },
  });
  print({ row: 'cades', ours: rates.ours.cpu, peer: rates.raw.cpu, of: 'raw crypto.sign', goal: 0.9, unit: 'signatures/CPU-s' });
  const dss = await dssRate('cades', signer, document);
  if (dss !== undefined) print({ row: 'cades', ours: rates.ours.cpu, peer: dss, of: 'EU DSS', goal: 3.5, unit: 'signatures/CPU-s' });
}
