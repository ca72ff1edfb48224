import { createHash, randomBytes } from 'node:crypto';
import { pades } from '../../src/formats/pades.ts';
import { interleave, print } from '../measure.ts';
import { identity, signInMemory } from '../signer.ts';

/** A PDF of 10 MB: all that may cost anything is hashing it once. */
export default async function row(): Promise<void> {
  const signer = identity('rsa2048');
  const document = largePdf(10_000_000);
  const n = 10;
  const rates = await interleave({
    ours: { n, run: signInMemory(pades, signer, document, n) },
    hash: {
      n,
      run: () => {
        for (let i = 0; i < n; i++) createHash('sha256').update(document).digest();
      },
    },
  });
  print({
    row: 'pades-10mb',
    ours: rates.ours.cpu,
    peer: rates.hash.cpu,
    of: 'SHA-256 over the same bytes',
    goal: 0.8,
    unit: 'documents/CPU-s',
  });
}

/** One page whose content stream is an uncompressed comment of random bytes. */
function largePdf(size: number): Buffer {
  const filler = Buffer.from(`%${randomBytes(size / 2).toString('hex')}\n`, 'latin1');
  const objects = [
    Buffer.from('1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n'),
    Buffer.from('2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n'),
    Buffer.from('3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>\nendobj\n'),
    Buffer.concat([Buffer.from(`4 0 obj\n<< /Length ${filler.length} >>\nstream\n`), filler, Buffer.from('\nendstream\nendobj\n')]),
  ];
  const head = Buffer.from('%PDF-1.7\n');
  let at = head.length;
  const entries = objects.map((object) => {
    const entry = `${String(at).padStart(10, '0')} 00000 n \n`;
    at += object.length;
    return entry;
  });
  const tail = Buffer.from(
    `xref\n0 5\n0000000000 65535 f \n${entries.join('')}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`,
  );
  return Buffer.concat([head, ...objects, tail]);
}
