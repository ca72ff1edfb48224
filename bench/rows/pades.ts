import { readFileSync } from 'node:fs';
import { pades } from '../../src/formats/pades.ts';
import { dssRate } from '../dss/dss.ts';
import { interleave, print } from '../measure.ts';
import { identity, rawSign, signInMemory } from '../signer.ts';

/** PAdES-B-B, small PDF, RSA-2048, in memory: against the key alone, and against EU DSS. */
export default async function row(): Promise<void> {
  const signer = identity('rsa2048');
  const document = readFileSync(new URL('../../fixtures/documents/ghostscript.pdf', import.meta.url));
  const n = 1000;
  // EU DSS has four seconds to warm up; so have we: the compiler is done with the PDF reader after some ten thousand documents.
  const rates = await interleave(
    {
      ours: { n, run: signInMemory(pades, signer, document, n) },
      raw: { n, run: rawSign(signer.privateKey, n) },
    },
    { warming: 16 },
  );
  print({ row: 'pades', ours: rates.ours.cpu, peer: rates.raw.cpu, of: 'raw crypto.sign', goal: 0.85, unit: 'signatures/CPU-s' });
  const dss = await dssRate('pades', signer, document);
  if (dss !== undefined) print({ row: 'pades', ours: rates.ours.cpu, peer: dss, of: 'EU DSS', goal: 8, unit: 'signatures/CPU-s' });
}
