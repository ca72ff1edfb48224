import assert from 'node:assert/strict';

/** A metric family of a scrape. */
export interface Family {
  readonly type: string;
  readonly help: string;
  /** By labels as they are written, `{a="b"}`; without labels the empty string. */
  readonly samples: Map<string, number>;
}

const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/;
const value = /^(?:[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/;

/**
 * Reads the Prometheus text format 0.0.4 more strictly than a scraper does, and holds names to the conventions: base units, `_total` for
 * counters and for nothing else. @throws AssertionError that names the line
 */
export function parseExposition(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line must end with a line feed');
  const families = new Map<string, Family>();
  let current: { readonly name: string; help?: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      current = { name: comment[2] ?? '', help: comment[3] ?? '' };
      assert.ok(name.test(current.name) && !families.has(current.name), `not a new metric: ${line}`);
    } else if (comment !== null) {
      const [, , of = '', type = ''] = comment;
      assert.equal(current?.name, of, `HELP and TYPE belong together: ${line}`);
      assert.match(type, /^(?:counter|gauge)$/, line);
      demandConvention(of, type);
      families.set(of, { type, help: current.help ?? '', samples: new Map() });
    } else addSample(families, current?.name, line);
  }
  return families;
}

function demandConvention(of: string, type: string): void {
  assert.equal(of.endsWith('_total'), type === 'counter', `${of} is a ${type}`);
  assert.doesNotMatch(of, /_(?:days|hours|minutes|milliseconds|ms|kilobytes|megabytes|percent)(?:_|$)/, `${of} is not in base units`);
}

function addSample(families: Map<string, Family>, current: string | undefined, line: string): void {
  assert.doesNotMatch(line, /^#|^\s|\s$/, line);
  const [, of = '', labels = '', number = ''] = /^([^{\s]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
  assert.equal(of, current, `a sample without its HELP and TYPE: ${line}`);
  assert.match(number, value, line);
  const seen = new Set<string>();
  for (let rest = labels.slice(1, -1); rest !== '';) {
    const [whole = '', key = ''] = label.exec(rest) ?? [];
    assert.ok(whole !== '' && !seen.has(key), `bad label: ${line}`);
    seen.add(key);
    rest = rest.slice(whole.length);
  }
  const samples = families.get(of)?.samples;
  assert.ok(samples !== undefined && !samples.has(labels), `twice: ${line}`);
  const read = number.endsWith('Inf') ? Infinity : Number(number);
  assert.ok(families.get(of)?.type !== 'counter' || read >= 0, `a counter below zero: ${line}`);
  samples.set(labels, read);
}
