import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { parseConfig } from '../../src/config/load.ts';
import { nearest } from '../../src/config/nearest.ts';
import { fileSchema } from '../../src/config/schema.ts';
import { SealError } from '../../src/errors.ts';

const exampleFile = new URL('../../roots.example.yaml', import.meta.url).pathname;
const example = readFileSync(exampleFile, 'utf8');

function problem(text: string): string {
  try {
    parseConfig(text, '/etc/sealtree/roots.yaml');
  } catch (error) {
    assert.ok(error instanceof SealError);
    assert.equal(error.code, 'SEAL-CONFIG-INVALID');
    assert.ok(error.hint);
    return error.message;
  }
  return assert.fail('accepted');
}

test('the example is a valid configuration', () => {
  const config = parseConfig(example, '/etc/sealtree/roots.yaml');
  assert.equal(config.dataDir, '/etc/sealtree/data');
  assert.deepEqual(config.roots['letters']?.keys, ['card', 'seal']);
  assert.equal(config.roots['letters'].incoming, '/etc/sealtree/roots/letters/incoming');
  assert.equal(config.roots['letters'].minFree, 512 * 2 ** 20);
  assert.equal(config.trust.maxAge, 12 * 3_600_000);
});

test('the example explains every setting: each line has a comment or explains itself by its values', () => {
  const bare = example.split('\n').filter((line) => line.trim() !== '' && !line.includes('#'));
  const explained = bare.filter(
    (line) =>
      !/^\s*(trust|keys|tsas|archive|roots|letters|pdf|log|trustcentre):$|source:|^\s*(file|path|outgoing|failed|done|quiet|timeout|profile|chain|keyUsage|minRemaining|roots):/.test(
        line,
      ),
  );
  assert.deepEqual(explained, []);
});

test('every setting of the schema stands in the example, or in the explanation of the one it belongs to', () => {
  const names = new Set<string>();
  const collect = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('properties' in node && typeof node.properties === 'object') for (const name of Object.keys(node.properties ?? {})) names.add(name);
    Object.values(node).forEach(collect);
  };
  collect(z.toJSONSchema(fileSchema, { unrepresentable: 'any', io: 'input' }));
  assert.ok(names.size > 90);
  const missing = [...names].filter((name) => !new RegExp(`(^|[\\s{,])${name}:|#.*\\b${name}\\b`, 'm').test(example));
  assert.deepEqual(missing, []);
});

test('removing any one mapping key of the example gives a valid file or a message with line and column', () => {
  const keys: (string | number)[][] = [];
  visit(parseDocument(example), {
    Pair(_, pair, path) {
      const names = path.filter((node) => 'key' in node).map((node) => String(node.key));
      keys.push([...names, String(pair.key)]);
    },
  });
  assert.ok(keys.length > 80);
  for (const path of keys) {
    const document = parseDocument(example);
    document.deleteIn(path);
    try {
      parseConfig(String(document), '/x/roots.yaml');
    } catch (error) {
      assert.ok(error instanceof SealError, String(error));
      assert.match(error.message, /^\/x\/roots\.yaml:\d+:\d+: /);
    }
  }
});

test('an unknown setting is named with the nearest known one, line and column', () => {
  assert.match(
    problem(example.replace('onError: failBatch', 'onEror: failBatch')),
    /roots\.yaml:\d+:5: roots\.letters\.onEror: unknown setting “onEror”; did you mean “onError”\?/,
  );
  assert.match(problem(example.replace('source: pkcs12', 'source: pkcs12\n    passphrse: 1')), /did you mean “passphrase”/);
  assert.match(problem(example.replace("closeAt: '00:15'", "closeAt: '24:15'")), /local time HH:MM/);
});

test('a name that refers to nothing is named with the nearest one', () => {
  assert.match(problem(example.replace('profile: pdf', 'profile: pfd')), /no profile is called “pfd”; did you mean “pdf”/);
  assert.match(
    problem(example.replace('keys: [cards, seal]', 'keys: [card, saal]')),
    /no key or pool is called “saal”; did you mean “seal”/,
  );
  assert.match(
    problem(example.replace('  tsas: [trustcentre] # required', '  tsas: [trustcenter] # required')),
    /did you mean “trustcentre”/,
  );
});

test('a secret written into the file is refused', () => {
  assert.match(problem(example.replace('passphrase: { file: ./keys/seal.pass }', 'passphrase: hunter2')), /never as the value itself/);
});

test('what cannot work is refused before a batch arrives', () => {
  assert.match(problem(example.replace('tsas: [trustcentre] # from', '#')), /level B-T needs a timestamp authority/);
  assert.match(problem(example.replace('outgoing: outgoing', 'outgoing: incoming/out')), /lies in roots\.letters\.incoming/);
  assert.match(problem(example.replace('timestamps: 1', 'timestamps: 2')), /need two tsas/);
  assert.match(problem(example.replace('settle: 5s', 'settle: 5')), /settle/);
  const stack = example.replace('activation: window', 'activation: stack');
  assert.match(problem(stack), /keys\.card\.pin: “activation: stack” shows the documents to a person before the PIN/);
  const alone = stack.replace(/^ *pin: .*\n/m, '');
  assert.doesNotThrow(() => parseConfig(alone, '/etc/sealtree/roots.yaml'));
  assert.match(problem(alone.replace('kind: mass', 'kind: individual')), /keys\.card\.activation: .*each document before its PIN anyway/);
  const second = alone.replace(
    /^  card: (.*\n(?: {4}.*\n)*)/m,
    (entry, body: string) => `${entry}  twin: ${body.replace('activation: stack', 'activation: window')}`,
  );
  assert.match(problem(second), /keys\.card\.activation: the PIN would open “twin” as well/);
  const person = example.replace('kind: mass', 'kind: individual').replace(/^ *pin: .*\n/m, '');
  const beside = (change: (body: string) => string): string =>
    person.replace(/^  card: (.*\n(?: {4}.*\n)*)/m, (entry, body: string) => `${entry}  twin: ${change(body)}`);
  const mass = beside((body) => body.replace('kind: individual', 'kind: mass'));
  assert.match(problem(mass), /keys\.card\.kind: “twin” is on the same token .* would verify no PIN .* token of its own/);
  for (const fine of [beside((body) => body), mass.replace('Seal card 1', 'Another card')])
    assert.doesNotThrow(() => parseConfig(fine, '/etc/sealtree/roots.yaml'));
});

/** The places named in a message, and what is said about each. */
function problemsOf(roots: string, data = './data'): string[] {
  const profiles = 'profiles: { plain: {} }\narchive: { tsas: [t] }\ntsas: { t: { url: http://127.0.0.1/ } }\ntrust: { anchors: [a.pem] }';
  const text = `data: ${data}\n${profiles}\nroots:\n${roots.replace(/^/gm, '  ')}\n`;
  return problem(text)
    .split('\n')
    .map((line) => line.replace(/^\/etc\/sealtree\/roots\.yaml:\d+:\d+: /, ''));
}

test('directories that lie in each other are named once, the one that came second', () => {
  const rest = 'profile: plain, keys: none';
  const letters = `letters: { path: /srv/letters, ${rest} }`;
  assert.deepEqual(problemsOf(`${letters}\nsame: { path: /srv/letters/, ${rest} }`), [
    'roots.same.path: is the path of the root “letters” already',
  ]);
  assert.deepEqual(problemsOf(`inner: { path: /srv/letters/incoming/x, ${rest} }\n${letters}`), [
    'roots.inner.path: lies in roots.letters.incoming: /srv/letters/incoming',
  ]);
  assert.deepEqual(problemsOf(`${letters}\nhere: { path: ./data/here, ${rest} }`), ['roots.here.path: lies in data: /etc/sealtree/data']);
  assert.deepEqual(problemsOf(letters, '/srv/letters/done/data'), ['data: lies in roots.letters.done: /srv/letters/done']);
  assert.deepEqual(problemsOf(`${letters}\nshared: { path: /srv/shared, outgoing: ../letters/incoming, done: incoming, ${rest} }`), [
    'roots.shared.outgoing: is the directory of roots.letters.incoming already',
    'roots.shared.done: is the directory of roots.shared.incoming already',
  ]);
});

test('a time zone has any of its IANA names; a misspelt one is named with the nearest', () => {
  const inZone = (zone: string) => example.replace('timezone: UTC', `timezone: ${zone}`);
  for (const zone of ['Etc/UTC', 'Asia/Kolkata', 'Asia/Calcutta', 'Europe/Kyiv'])
    assert.equal(parseConfig(inZone(zone), '/x/roots.yaml').archive.timezone, zone);
  assert.match(problem(inZone('Europe/Berln')), /archive\.timezone: “Europe\/Berln” is no IANA time zone; did you mean “Europe\/Berlin”\?/);
  assert.match(problem(inZone("'+01:00'")), /no IANA time zone/);
});

test('a slip in the YAML is one problem, not one for every line after it', () => {
  assert.equal(
    problem(example.replace('  closeAt:', '\tcloseAt:')).replace(/:\d+:/, ':LINE:'),
    '/etc/sealtree/roots.yaml:LINE:1: a tab stands before the setting: indent with spaces',
  );
  assert.equal(problem('data: a\ndata: b\n'), '/etc/sealtree/roots.yaml:2:1: this setting stands here twice: keep one of the two');
});

test('broken YAML is an error with its place, not a crash', () => {
  for (const text of ['a: [', 'a: 1\na: 2', '\t- x', '&a [*a, *a]', '']) assert.match(problem(text), /roots\.yaml/);
});

test('the nearest known word is named, and none for what is far off', () => {
  assert.equal(nearest('prority', ['priority', 'path']), 'priority');
  assert.equal(nearest('xyz', ['priority', 'path']), undefined);
});
