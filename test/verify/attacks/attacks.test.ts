import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { TrustKeeper } from '../../../src/verify/verify.ts';
import { needs } from '../../support/tools.ts';
import { attackClasses } from './index.ts';
import { judgeAll, oursOf, type Verdicts } from './judging.ts';
import { attacksPage, judgeVersions, ownCells, pagePath } from './page.ts';

const classes = await attackClasses();
const all = classes.flatMap(({ attacks }) => attacks);
const full = process.env['SEALTREE_FULL'] === 'true';
/** The others are asked about everything with bin/test --full. */
const sample = all.filter(({ demanded }, at) => at % 12 === 0 || (demanded === 'TOTAL-PASSED' && at % 2 === 0));
const page = readFileSync(pagePath, 'utf8');
const renew = 'see what differs, then run: bin/node test/verify/attacks/make-page.ts';

describe('hostile files', () => {
  for (const { attacks, title } of classes)
    test(`${title}: ${attacks.length} files get the verdict that EN 319 102-1 demands`, () => {
      const keeper = new TrustKeeper();
      for (const attack of attacks) assert.equal(oursOf(attack, keeper), attack.demanded, attack.name);
    });

  test('what passes is called sound, or the page says why it passes', () => {
    for (const { demanded, name, note } of all)
      assert.equal(demanded === 'TOTAL-PASSED', name.startsWith('sound: ') || (demanded === 'TOTAL-PASSED' && note !== undefined), name);
  });

  test('no two cases of a class have one name, and the page lists each with its verdict', () => {
    for (const { attacks, title } of classes) {
      assert.equal(new Set(attacks.map(({ name }) => name)).size, attacks.length, title);
      const section = page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
      const rows = section.split('\n').flatMap((line) =>
        line.startsWith('| ')
          ? [
              line
                .split(/(?<!\\) \| /)
                .slice(0, 2)
                .join(' | '),
            ]
          : [],
      );
      assert.deepEqual(
        rows.slice(2),
        attacks.map((attack) => `| ${ownCells(attack).join(' | ')}`),
        renew,
      );
    }
  });

  test(
    'EU DSS, pyHanko, pdfsig and openssl accept what we accept, or the page says why not',
    needs('dss', 'pyhanko', 'pdfsig', 'certutil', 'openssl'),
    async () => {
      const asked = full ? all : sample;
      const verdicts = await judgeAll(asked);
      asked.forEach(({ demanded, name, note }, at) => {
        if (demanded !== 'TOTAL-PASSED' || note !== undefined) return;
        const refusals = Object.entries((verdicts[at] ?? {}) satisfies Verdicts).filter(
          ([, word]: [string, string]) => !word.startsWith('passed'),
        );
        assert.deepEqual(refusals, [], name);
      });
      // Other versions may judge otherwise: then the page is still ours, word for word, and theirs no longer current.
      const versions = judgeVersions();
      if (full && page.includes(`Asked: ${versions}.`)) assert.equal(page, attacksPage(classes, verdicts, versions), renew);
    },
  );
});
