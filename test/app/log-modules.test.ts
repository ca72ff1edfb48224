import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import { createLog } from '../../src/effects/log.ts';
import { inModule, logModules } from '../../src/ports/log.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock, testStart } from '../support/clock.ts';
import { temporaryDirectory } from '../support/files.ts';
import { ServiceHouse } from '../support/service.ts';

const top = new URL('../../', import.meta.url).pathname;

suite('modules of the log', () => {
  test('those that roots.example.yaml promises are those that exist; another one is a mistake in the file', () => {
    const example = readFileSync(join(top, 'roots.example.yaml'), 'utf8');
    const line = /modules: #.*parts: (.*)/.exec(example)?.[1] ?? '';
    assert.deepEqual(line.split(', '), [...logModules]);
    assert.throws(() => parseConfig(example.replace('watcher: info', 'wacther: info'), '/roots.yaml'), /log\.modules\.wacther.*watcher/);
  });

  test('each is given to lines somewhere in the sources', () => {
    const sources = readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(top, 'src', name), 'utf8'))
      .join('\n');
    for (const module of logModules) assert.match(sources, new RegExp(`(module: |inModule\\([^;]*?)'${module}'`), module);
  });

  test('the level of a module counts for its lines alone', () => {
    const lines: string[] = [];
    const log = createLog(
      { clock: new ManualClock(testStart) },
      { level: 'error', modules: { signer: 'debug' }, write: (line) => lines.push(line) },
    );
    for (const module of logModules) inModule({ log }, module, { batch: 'b' }).log.debug({}, module);
    log.debug({}, 'the daemon itself');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { module: string; batch: string }).module),
      ['signer'],
    );
  });

  test('a batch through the house: each line has its module, and what it is about', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.tsa.down = true;
    house.place('a', { x: 'x' });
    const { id } = await house.take(service, 'a');
    await house.reaches(id, 'delivered');
    await service.closing.close('karl');
    const stray = house.log.lines.filter(({ fields }) => fields['module'] === undefined);
    assert.deepEqual(stray, []);
    for (const { fields, message } of house.log.lines) {
      assert.ok((logModules as readonly unknown[]).includes(fields['module']), message);
      assert.ok(
        ['batch', 'tree', 'tsa', 'trees', 'key', 'root'].some((name) => name in fields),
        message,
      );
    }
  });

  test('the store says when it answers late', async (t) => {
    let ms = 0;
    const clock = Object.assign(new ManualClock(testStart), { monotonic: () => (ms += 20_000) });
    const { log } = await ServiceHouse.open(t);
    const store = await openStore(inModule({ clock, log }, 'store'), { file: join(temporaryDirectory(t), 'sealtree.db') });
    await store.meta('x');
    await store.close();
    const [open, late] = log.lines.filter(({ fields }) => fields['module'] === 'store');
    assert.deepEqual([open?.level, late?.level, late?.fields['method']], ['debug', 'warn', 'meta']);
  });
});
