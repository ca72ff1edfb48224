import { oracleHome } from '../tools.ts';
import { runProgram } from './program.ts';

/** What EU DSS is asked about one file: PDF, CMS, RFC 3161 token or RFC 4998 evidence record. Paths. */
export interface DssQuestion {
  readonly file: string;
  /** Signed or archived documents. */
  readonly detached?: readonly string[];
  /** Documents known by digest, each `SHA256:HEX`. */
  readonly digests?: readonly string[];
  /** Evidence records for the signature in `file`. */
  readonly evidence?: readonly string[];
  readonly trust?: readonly string[];
  /** Further certificates, not trusted. */
  readonly adjunct?: readonly string[];
  readonly crls?: readonly string[];
  readonly ocsps?: readonly string[];
  /** ISO 8601; default now. */
  readonly time?: string;
  readonly noRevocation?: boolean;
}

export interface DssVerdict {
  /** EN 319 102-1: TOTAL_PASSED, PASSED, INDETERMINATE … */
  readonly indication: string;
  readonly subIndication: string | null;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export interface DssTimestamp extends DssVerdict {
  readonly genTime: string;
  readonly imprintIntact: boolean;
  readonly signatureValid: boolean;
}

export interface DssSignature extends DssVerdict {
  /** Such as PAdES-BASELINE-T. */
  readonly format: string;
  readonly intact: boolean;
  readonly valid: boolean;
  readonly scopes: readonly string[];
  readonly timestamps: readonly DssTimestamp[];
}

/** One hash of the record's first list and whether a document was found for it. */
export interface DssReference {
  readonly type: string;
  readonly found: boolean;
  readonly intact: boolean;
}

export interface DssEvidenceRecord extends DssVerdict {
  /** Documents found and intact. */
  readonly covered: readonly string[];
  readonly references: readonly DssReference[];
  readonly timestamps: readonly DssTimestamp[];
  readonly isDer: boolean;
  /** Archive timestamp chains and their archive timestamps. */
  readonly chains: readonly (readonly { readonly tokenIsDer: boolean }[])[];
}

export interface DssAnswer {
  readonly file: string;
  readonly allPassed: boolean;
  /** The oracle could not read the file at all. */
  readonly error?: string;
  readonly signatures: readonly DssSignature[];
  readonly evidenceRecords: readonly DssEvidenceRecord[];
  readonly detachedTimestamps: readonly DssTimestamp[];
}

/** Asks EU DSS all questions in one JVM; answers come in their order. */
export async function dss(questions: readonly DssQuestion[]): Promise<DssAnswer[]> {
  const input = questions.map((question) => `${commandLine(question).join('\t')}\n`).join('');
  const { stdout, stderr } = await runProgram(`${oracleHome}/oracle`, ['--batch'], { input });
  const lines = stdout.toString().split('\n').filter(Boolean);
  if (lines.length !== questions.length) throw new Error(`the DSS oracle answered ${lines.length} of ${questions.length}: ${stderr}`);
  const nothing = { signatures: [], evidenceRecords: [], detachedTimestamps: [] };
  return lines.map((line) => ({ ...nothing, ...(JSON.parse(line) as Pick<DssAnswer, 'file' | 'allPassed'>) }));
}

function commandLine(question: DssQuestion): string[] {
  const each = (option: string, values: readonly string[] = []): string[] => values.flatMap((value) => [option, value]);
  return [
    question.file,
    ...each('--detached', question.detached),
    ...each('--digest', question.digests),
    ...each('--evidence', question.evidence),
    ...each('--trust', question.trust),
    ...each('--adjunct', question.adjunct),
    ...each('--crl', question.crls),
    ...each('--ocsp', question.ocsps),
    ...(question.time === undefined ? [] : ['--time', question.time]),
    ...(question.noRevocation === true ? ['--no-revocation'] : []),
  ];
}

/** Everything an answer complains about, for the message of a failed assertion. */
export function complaints({ file, error, signatures, evidenceRecords, detachedTimestamps }: DssAnswer): string {
  const lines = [...signatures, ...evidenceRecords, ...detachedTimestamps].map(
    ({ indication, subIndication, errors, warnings }) => `${indication} ${subIndication ?? ''} ${[...errors, ...warnings].join(' | ')}`,
  );
  return `${file}: ${[...(error === undefined ? [] : [error]), ...lines].join('\n  ')}`;
}
