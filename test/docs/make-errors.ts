import { writeFileSync } from 'node:fs';
import { remedies } from '../../src/cli/remedies.ts';
import { codes, type ErrorCode } from '../../src/errors.ts';

/** docs/errors.md, made from src/errors.ts and src/cli/remedies.ts: `bin/node test/docs/make-errors.ts`. */
export const errorsPath: string = new URL('../../docs/errors.md', import.meta.url).pathname;

const groups: readonly (readonly [title: string, prefixes: readonly string[]])[] = [
  ['Command line, configuration, daemon', ['USAGE', 'CONFIG', 'INTERNAL', 'INTERRUPTED', 'NOT', 'DAEMON', 'INPUT', 'HTTP', 'NOTIFY']],
  ['Database and disks', ['STORE', 'DISK', 'ROOT']],
  ['Batches', ['BATCH']],
  ['Documents', ['DOC']],
  ['Keys and cards', ['KEY']],
  ['Signing and verifying', ['SIGN', 'VERIFY', 'TRUST']],
  ['Timestamp authorities', ['TSA']],
  ['Archive', ['ARCHIVE']],
];

const head = `# Error codes

Made from \`src/errors.ts\` and \`src/cli/remedies.ts\` by \`bin/node test/docs/make-errors.ts\`; a test keeps it up to date.

A code is stable: scripts may switch on it. It stands in the message of a command, in \`--json\` (\`error.code\`), in \`error.json\`, in
\`batch show\` and in the log. *Exit* is the exit status of a command that ends with it ([operations.md](operations.md#exit-statuses)). *Retry*
says whether the same action may succeed later although nobody changes the input. The message of an error has the exact place and reason, and
often a better hint than this table.
`;

function partOf(code: string): string {
  return code.split('-')[1] ?? '';
}

function row(code: ErrorCode): string {
  const { exit, retryable, what } = codes[code];
  return `| \`${code}\` | ${exit} | ${retryable ? 'yes' : 'no'} | ${what} | ${remedies[code]} |`;
}

/** @throws Error for a code that belongs to no group of the page */
export function errorsPage(): string {
  const all = Object.keys(codes) as ErrorCode[];
  const sections = groups.map(([title, prefixes]) => {
    const rows = all.filter((code) => prefixes.includes(partOf(code))).map(row);
    return `\n## ${title}\n\n| code | exit | retry | what it means | what to do |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  const lost = all.filter((code) => !groups.some(([, prefixes]) => prefixes.includes(partOf(code))));
  if (lost.length > 0) throw new Error(`no group for ${lost.join(', ')}`);
  return `${head}${sections.join('')}`;
}

if (process.argv[1] === new URL(import.meta.url).pathname) writeFileSync(errorsPath, errorsPage());
