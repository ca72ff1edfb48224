import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { oracleHome, venv } from '../../support/tools.ts';
import type { Verdicts } from './judging.ts';
import type { Attack } from './attack.ts';
import type { AttackClass } from './index.ts';

/** docs/verification-attacks.md, made by `bin/node test/verify/attacks/make-page.ts`. */
export const pagePath: string = new URL('../../../docs/verification-attacks.md', import.meta.url).pathname;

const judges = ['dss', 'pyhanko', 'pdfsig', 'openssl'] as const;
const names: Readonly<Record<(typeof judges)[number], string>> = {
  dss: 'EU DSS',
  pyhanko: 'pyHanko',
  pdfsig: 'pdfsig',
  openssl: 'openssl',
};

const head = `# Hostile files, and what verification says about them

For auditors. Made by \`bin/node test/verify/attacks/make-page.ts\`, which builds each file, lets \`sealtree verify\` judge it and asks four other programs;
a test builds all of them again, and fails when a verdict differs from this page.

*Verdict* is what ETSI EN 319 102-1 demands and what we say: the word for the file and why. **Nothing that must not pass does.** Cases named *sound* are there to show that
what is right is not refused. The other columns are the words of others, asked with the same trust anchors, certificates and revocation data; empty where
the program cannot judge such a file. \`passed\` beside another verdict of ours means that the other program accepts the file:

- EU DSS judges what the signature covers, and lists later changes of a PDF without counting them against it; \`pdfsig\` says *not the whole document* and leaves the rest to the reader.
- openssl knows CMS and X.509, not AdES: it does not look at signing-certificate, at timestamps in signatures or at the purpose of the certificate (\`-purpose any\`).
- pyHanko is given anchors and CRLs, and judges changes as we do.

To run it: \`bin/node --test test/verify/attacks/attacks.test.ts\`.
`;

/** The whole page. @param verdicts of the judges, case by case */
export function attacksPage(classes: readonly AttackClass[], verdicts: readonly Verdicts[], versions: string): string {
  let at = 0;
  const sections = classes.map(({ title, text, attacks }) => {
    const theirs = attacks.map(() => verdicts[at++] ?? {});
    const asked = judges.filter((judge) => theirs.some((verdict) => verdict[judge] !== undefined));
    const rows = attacks.map((attack, row) => [
      ...ownCells(attack),
      ...asked.map((judge) => theirs[row]?.[judge] ?? ''),
      attack.note ?? '',
    ]);
    const titles = ['case', 'verdict', ...asked.map((judge) => names[judge]), 'note'];
    const lines = [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
    return `\n## ${title}\n\n${text}\n\n${lines.join('\n')}\n`;
  });
  return `${head}\n${summary(classes, verdicts)}\nAsked: ${versions}.\n${sections.join('')}`;
}

/** What the page says about a case without asking anybody. */
export function ownCells({ demanded, name }: Attack): readonly string[] {
  return [name.replaceAll('|', '\\|'), demanded];
}

/** How often each judge accepts what must not pass, and does not accept what is sound. */
function summary(classes: readonly AttackClass[], verdicts: readonly Verdicts[]): string {
  const attacks = classes.flatMap((one) => one.attacks);
  const harmful = attacks.filter(({ demanded }) => demanded !== 'TOTAL-PASSED').length;
  const line = (judge: (typeof judges)[number]): string => {
    const judged = attacks.flatMap(({ demanded }, at) => {
      const word = verdicts[at]?.[judge];
      const hostile = demanded !== 'TOTAL-PASSED';
      return word === undefined ? [] : [{ hostile, accepts: hostile ? word === 'passed' : word.startsWith('passed') }];
    });
    const bad = judged.filter((one) => one.hostile);
    const sound = judged.filter((one) => !one.hostile);
    const accepts = (list: typeof judged): number => list.filter((one) => one.accepts).length;
    return `| ${names[judge]} | ${accepts(bad)} of ${bad.length} | ${accepts(sound)} of ${sound.length} |`;
  };
  const own = `| Sealtree | 0 of ${harmful} | ${attacks.length - harmful} of ${attacks.length - harmful} |`;
  return ['| program | accepts what must not pass | accepts what may |', '|---|---|---|', own, ...judges.map(line), ''].join('\n');
}

/** The versions of the four programs: their verdicts are comparable only with the same ones. */
export function judgeVersions(): string {
  const first = (command: string, ...args: string[]): string => {
    const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return /\d+(\.\d+)+/.exec(stdout + stderr)?.[0] ?? 'unknown';
  };
  const dss = /<dss\.version>([\d.]+)</.exec(readFileSync(`${oracleHome}/pom.xml`, 'utf8'))?.[1] ?? 'unknown';
  return `EU DSS ${dss}, pyHanko ${first(`${venv}/bin/pyhanko`, '--version')}, pdfsig ${first('pdfsig', '-v')}, OpenSSL ${first('openssl', 'version')}`;
}
