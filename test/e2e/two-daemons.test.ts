import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { command, Evaluation, until } from './house.ts';

describe('two daemons', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('a second one on the same data directory ends with 69 and says why; the first goes on', async (t) => {
    const house = evaluation.house();
    const first = await house.daemon(t);
    for (const args of [['run'], ['run', '--once']]) {
      const { status, stderr } = await house.run(...args);
      assert.equal(status, 69, stderr);
      assert.match(stderr, /error SEAL-DAEMON-RUNNING: .*\n(.*\n)* {2}hint: /);
    }
    house.place('files', 'letters', { 'letter.txt': 'Good morning' });
    await until('the first daemon delivers', () => existsSync(house.at('files', 'outgoing', 'letters/READY')));
    assert.equal(await first.stop(), 0);
  });

  test('a root that belongs to another data directory is refused, whether the other daemon runs or not', async (t) => {
    const house = evaluation.house();
    const second = join(house.directory, 'second.yaml');
    const first = await house.daemon(t);
    house.edit((settings) => {
      settings.set('data', './data2');
      settings.delete('evaluation');
    }, second);
    const refused = async (): Promise<void> => {
      const { status, stderr } = await command(['run', '--config', second]);
      assert.equal(status, 69, stderr);
      assert.match(stderr, /error SEAL-ROOT-OWNED: .*data/);
      assert.match(stderr, /hint: /);
    };
    await refused();
    assert.equal(await first.stop(), 0);
    await refused();
  });
});
