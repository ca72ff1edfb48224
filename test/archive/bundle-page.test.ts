import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromiumPage } from '../support/chromium.ts';
import { bundleHouse } from '../support/proof-bundles.ts';
import { needs } from '../support/tools.ts';

const marks = (kind: string): string => `document.querySelectorAll('.way .${kind}').length`;
const verdict = "document.getElementById('verdict').className";

void test(
  'the page of a renewed proof is green in a browser, for the true document, and red for a changed one; it asks nobody',
  needs('chromium'),
  async (t) => {
    const names = ['letter.pdf', 'neighbour', 'third'];
    const house = await bundleHouse(t, names);
    await house.renewTimestamps();
    await house.rehash('sha512', names);
    const proof = await house.bundle('letter.pdf');
    const page = chromiumPage(t);
    const url = pathToFileURL(join(proof, 'proof.html')).href;
    await page.open(url);
    await page.until(`${verdict} === 'good'`);
    assert.deepEqual([await page.value(marks('bad')), await page.value(marks('open'))], [0, 0]);
    assert.equal(await page.value('document.querySelectorAll(".way").length'), 3);

    await page.choose('#files', [join(proof, 'document', 'letter.pdf')]);
    await page.until(`document.querySelectorAll('#compared .good').length === 1`);
    assert.match(String(await page.value("document.getElementById('verdict').textContent")), /^✓ letter\.pdf: unchanged since 20/);

    const changed = join(house.directory, 'letter.pdf');
    const bytes = readFileSync(join(proof, 'document', 'letter.pdf'));
    bytes[3] = (bytes[3] ?? 0) ^ 1;
    writeFileSync(changed, bytes);
    await page.choose('#files', [changed]);
    await page.until(`document.querySelectorAll('#compared .bad').length === 1`);
    assert.equal(await page.value(verdict), 'bad');
    assert.match(String(await page.value("document.getElementById('compared').textContent")), /letter\.pdf was changed/);

    await page.open(`${url}?again`);
    await page.choose('#files', [join(proof, 'evidence', 'record.ers'), join(proof, 'README.txt')]);
    await page.until(`document.querySelectorAll('#compared li[class]').length === 2`);
    assert.deepEqual(await page.value("[...document.querySelectorAll('#compared li')].map((line) => line.className)"), ['good', 'bad']);

    assert.deepEqual(page.complaints, []);
    assert.deepEqual([...new Set(page.requests.map((asked) => asked.replace('?again', '')))], [url]);
  },
);

void test(
  'a page whose record or printed hash was changed is red, and a script that was put into it does not run',
  needs('chromium'),
  async (t) => {
    const house = await bundleHouse(t, ['letter.pdf', 'neighbour']);
    const proof = await house.bundle('letter.pdf');
    const html = readFileSync(join(proof, 'proof.html'), 'utf8');
    const record = /"records":\["([^"]+)"/.exec(html)?.[1] ?? '';
    const bytes = Buffer.from(record, 'base64');
    // In the neighbour's hash, which stands in the reduced tree.
    const neighbour = bytes.indexOf(Buffer.from(/joined with <code class="other">([0-9a-f]+)/.exec(html)?.[1] ?? '', 'hex'));
    assert.ok(neighbour > 0);
    bytes[neighbour] = (bytes[neighbour] ?? 0) ^ 1;
    const printed = /id="sh-0-0-0">([0-9a-f]{4})/.exec(html)?.[1] ?? '';
    const page = chromiumPage(t);
    for (const [name, changed] of Object.entries({
      record: html.replace(record, bytes.toString('base64')),
      printed: html.replace(`id="sh-0-0-0">${printed}`, `id="sh-0-0-0">0000`),
    })) {
      assert.notEqual(changed, html);
      const file = join(house.directory, `${name}.html`);
      writeFileSync(file, changed);
      await page.open(pathToFileURL(file).href);
      await page.until(`document.querySelectorAll('.way .bad').length > 0`);
    }
    const foreign = join(house.directory, 'foreign.html');
    writeFileSync(foreign, html.replace('<main>', '<main><script>document.title = "taken over"</script>'));
    await page.open(pathToFileURL(foreign).href);
    await page.until(`${verdict} === 'good'`);
    assert.notEqual(await page.value('document.title'), 'taken over');
  },
);
