import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { certifyForEvaluation } from '../src/app/tsa.ts';
import { systemClock } from '../src/effects/clock.ts';
import { nodeFiles } from '../src/effects/files.ts';
import { systemRandom } from '../src/effects/random.ts';
import { buildShim } from '../test/support/p11-shim.ts';
import type { CardWork } from './card.ts';
import { DemoFailure, DemoNeeds, type Story } from './story.ts';

/** Where distributions put SoftHSM's PKCS#11 module. */
const places = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];
const cards = ['card-1', 'card-2'] as const;
/** ms of a signature, as with a real card. */
export const signatureMs = 300;

/**
 * SoftHSM's module: $SOFTHSM2_MODULE, or where distributions put it.
 * @throws DemoNeeds that says what to install
 */
export function softHsmModule(): string {
  const given = process.env['SOFTHSM2_MODULE'];
  const found = given === undefined ? places.find((place) => existsSync(place)) : existsSync(given) ? given : undefined;
  if (found === undefined)
    throw new DemoNeeds(
      `SoftHSM, which plays the smartcards, is not installed (${given ?? places.join(', ')}).\n  hint: apt-get install softhsm2, or name its module with SOFTHSM2_MODULE=…/libsofthsm2.so; the demo without --cards needs none`,
    );
  try {
    import.meta.resolve('pkcs11js');
  } catch {
    throw new DemoNeeds(
      'pkcs11js, which talks to smartcards, is not installed.\n  hint: it needs a C compiler: apt-get install gcc make, then npm ci in the project',
    );
  }
  return found;
}

/**
 * Two SoftHSM tokens with keys of their own, certified by the evaluation authority, as pool `cards` of both roots; as slow as real cards where
 * the module that slows them down can be compiled. @returns whether they are slow
 */
export async function addCards(story: Story, module: string): Promise<boolean> {
  const directory = join(story.directory, 'cards');
  const environment = { SOFTHSM2_CONF: join(directory, 'softhsm2.conf') };
  const control = join(directory, 'delay');
  if (existsSync(environment.SOFTHSM2_CONF)) {
    story.say('The cards of the earlier run are used again.');
    return existsSync(control);
  }
  mkdirSync(join(directory, 'tokens'), { recursive: true, mode: 0o700 });
  const files = nodeFiles();
  try {
    const conf = `directories.tokendir = ${join(directory, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`;
    writeFileSync(environment.SOFTHSM2_CONF, conf);
    for (const label of cards) {
      const pin = digits(8);
      writeFileSync(join(directory, `${label}.pin`), `${pin}\n`, { mode: 0o600 });
      const work = { module, label, pin, soPin: digits(10) };
      const request = onCard(environment, { ...work, step: 'request', certificates: [] });
      const fx = { clock: systemClock, files, random: systemRandom };
      const chain = await certifyForEvaluation(fx, join(story.directory, 'keys/evaluation'), request);
      onCard(environment, { ...work, step: 'certificates', certificates: chain.map((der) => der.toString('base64')) });
      story.say(`${label}: a SoftHSM token; its key was born on it, its PIN lies in cards/${label}.pin (mode 0600)`);
    }
  } finally {
    await files.close();
  }
  const shim = slowModule();
  if (shim === undefined) {
    configure(story, module, environment);
    story.say(
      'They sign without the delay of real cards: the module that adds it needs gcc and libsofthsm2-dev (apt-get install gcc libsofthsm2-dev).',
    );
  } else {
    writeFileSync(control, `delay_ms=${signatureMs}\n`);
    configure(story, shim, { ...environment, P11SHIM_CTL: control, P11SHIM_MODULE: module });
    story.say(`They take ${signatureMs / 1000} s for a signature, as real cards do.`);
  }
  story.say('roots.yaml: both cards are the pool “cards”, and both roots sign with it');
  return shim !== undefined;
}

/** A module between SoftHSM and us that lets each signature take its time; undefined where it cannot be compiled. */
function slowModule(): string | undefined {
  try {
    return buildShim();
  } catch {
    return undefined;
  }
}

function configure(story: Story, module: string, environment: Readonly<Record<string, string>>): void {
  const settings = parseDocument(readFileSync(story.config, 'utf8'));
  for (const label of cards)
    settings.setIn(
      ['keys', label],
      settings.createNode({
        source: 'pkcs11',
        module,
        token: { label },
        key: { id: '01' },
        pin: { file: `./cards/${label}.pin` },
        environment,
      }),
    );
  settings.setIn(['pools', 'cards'], settings.createNode(cards));
  for (const root of ['pdf', 'files']) settings.setIn(['roots', root, 'keys'], settings.createNode(['cards']));
  writeFileSync(story.config, settings.toString());
}

function onCard(environment: Readonly<Record<string, string>>, work: CardWork): Buffer {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', new URL('./card.ts', import.meta.url).pathname],
    { input: JSON.stringify(work), env: { ...process.env, ...environment } },
  );
  if (status !== 0) throw new DemoFailure(`SoftHSM could not prepare ${work.label}: ${stderr.toString()}`);
  return stdout;
}

function digits(count: number): string {
  return Array.from({ length: count }, () => randomInt(10)).join('');
}
