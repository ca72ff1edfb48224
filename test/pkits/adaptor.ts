// Speaks the lines of run.py: one case in, one answer out, judged by src/pki.
import { createInterface } from 'node:readline';
import { validateChain } from '../../src/pki/chain.ts';
import { purposes } from '../../src/pki/purposes.ts';
import { PkiCache } from '../../src/pki/cache.ts';
import { openTrust } from '../../src/pki/trust.ts';
import { parseCertificate } from '../../src/formats/x509.ts';

interface Question {
  readonly id: string;
  readonly trustAnchors: readonly string[];
  readonly intermediates: readonly string[];
  readonly leaf: string;
  readonly crls: readonly string[];
  readonly time: string;
  readonly params: {
    readonly policies?: readonly string[];
    readonly explicit?: boolean;
    readonly inhibitMapping?: boolean;
    readonly inhibitAny?: boolean;
  };
}

const cache = new PkiCache();
const bytes = (list: readonly string[]) => list.map((text) => Buffer.from(text, 'base64'));

/** The suite is of 2011: its digests and key sizes are judged by nobody here. */
function judge(question: Question): { result: string; reason: string } {
  const trust = openTrust(
    {
      anchors: bytes(question.trustAnchors),
      certificates: bytes(question.intermediates),
      revocation: { crls: bytes(question.crls), ocsps: [], failures: [] },
      revocationMode: 'require',
      catalogue: [],
    },
    cache,
  );
  const leaf = parseCertificate(Buffer.from(question.leaf, 'base64'));
  const { policies, ...flags } = question.params;
  const { report } = validateChain(
    leaf,
    { certificates: [] },
    {
      trust,
      at: Date.parse(question.time),
      purpose: purposes.any,
      policies: { ...flags, ...(policies === undefined ? {} : { policies }) },
    },
  );
  return {
    result: report.indication === 'PASSED' ? 'valid' : 'invalid',
    reason: `${report.subIndication ?? ''} ${report.errors.join('; ')}`,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line) as Question;
  try {
    console.log(JSON.stringify({ id: question.id, ...judge(question) }));
  } catch (error) {
    console.log(JSON.stringify({ id: question.id, result: 'error', reason: String(error) }));
  }
}
