import { pageScript } from './bundle-page/script.ts';
import type { PageData } from './bundle-page/view.ts';
import type { ProofStamp } from './bundle-stamps.ts';
import { bundleStyle } from './bundle-style.ts';
import { knownObjects, longest, readable, signatureWords, stampName, type ProofView } from './bundle-view.ts';
import { timeLine } from './bundle-timeline.ts';
import { element, escaped, marked } from './markup.ts';
import { sha256 } from '../formats/digests.ts';
import { jsonText } from '../formats/json-text.ts';

/**
 * `proof.html`: complete in itself, nothing fetched, one script whose hash the policy names. What comes from documents and certificates is
 * escaped. It reads without the script and on paper too: the script computes everything again and puts the marks.
 */
export function bundleHtml(view: ProofView): string {
  const policy = `default-src 'none'; script-src '${sourceHash(pageScript)}'; style-src '${sourceHash(bundleStyle)}'; base-uri 'none'; form-action 'none'`;
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    `<title>Proof for ${marked(view.title)}</title>`,
    `<style>${bundleStyle}</style>`,
  ];
  const body = [
    ...(view.evaluation
      ? [element('p', 'EVALUATION: certificates of an evaluation authority were used; this proves nothing to others', 'banner')]
      : []),
    `<h1>Proof for <bdi>${marked(view.title)}</bdi></h1>`,
    '<p id="verdict" class="open" role="status">? Nothing is checked yet: this page computes with a script. README.txt tells how to check with openssl.</p>',
    facts(view),
    objectsPart(view),
    timeLine(view),
    ...view.stamps.map((stamps, r) => wayPart(view, stamps, r)),
    limits,
    `<script type="application/json" id="data">${dataOf(view)}</script>`,
    `<script>${pageScript}</script>`,
  ];
  return `<!doctype html>\n<html lang="en"><head>${head.join('')}</head><body><main>${body.join('\n')}</main></body></html>\n`;
}

function sourceHash(text: string): string {
  return `sha256-${sha256(Buffer.from(text)).toString('base64')}`;
}

/** Inside a script element nothing but the end of it is special, and JSON can do without `<`. */
function dataOf({ records, objects, files }: ProofView): string {
  const data: PageData = {
    records: records.map(({ der }) => der.toString('base64')),
    objects: knownObjects({ objects }),
    files: Object.fromEntries(files.map((file) => [file.name, file.sha256.toString('hex')])),
  };
  return jsonText(data).replaceAll('<', '\\u003c');
}

function facts(view: ProofView): string {
  const { since, until, stamps } = longest(view);
  const { records } = view;
  const leaf = records[0]?.leaf;
  const rows: (readonly [string, string | undefined])[] = [
    ['Proven since', `${readable(since)}, by ${stamps[0]?.authority ?? ''}`],
    ['Proves until', `${readable(until)}, when the newest timestamp’s certificates or algorithms end`],
    ['Renewed proof', 'ask the keeper of the archive, and name the hash of the document'],
    ['The keeper’s command', view.command],
    ['Signature', signatureWords(view)],
    ['In the archive', leaf && `tree ${leaf.tree}, leaf ${leaf.index}`],
  ];
  return element(
    'dl',
    rows.flatMap(([term, value]) => (value === undefined ? [] : [`<dt>${term}</dt><dd>${escaped(value)}</dd>`])).join(''),
  );
}

function objectsPart({ objects }: ProofView): string {
  const rows = objects.map(({ name, shown, kind, digests, bytes }) => {
    const where = bytes === undefined ? 'not in this folder' : `document/${name}`;
    const hashes = [...digests].map(
      ([algorithm, digest]) => `<small>${algorithm.toUpperCase().replace('SHA', 'SHA-')} <code>${digest.toString('hex')}</code></small>`,
    );
    return `<li><strong>${marked(shown)}</strong> <small>${kind}, ${escaped(where)}</small>${hashes.join('')}</li>`;
  });
  return [
    '<section><h2>Is it your document?</h2>',
    element('ul', rows.join(''), 'objects'),
    '<label class="drop">Choose the document, or drop it anywhere on this page. It stays on this computer.<input type="file" id="files" multiple></label>',
    '<ul id="compared" aria-live="polite"></ul></section>',
  ].join('');
}

function wayPart({ stamps, records }: ProofView, own: readonly ProofStamp[], r: number): string {
  const title =
    stamps.length === 1
      ? 'The way from the document to the timestamp'
      : `The way to timestamp ${r + 1} of ${stamps.length} over the same tree`;
  const n = records[r]?.n ?? 1;
  return element('section', `<h2>${title}</h2>${own.map((stamp, s) => stampPart(stamp, `${r}-${s}`, n)).join('')}`);
}

const kinds = {
  first: 'the first timestamp',
  timestamps: 'renews the timestamps before',
  'hash-tree': 'renews the hash: over the document and all timestamps before',
};

function stampPart({ walk, authority, position, parsed, ends }: ProofStamp, id: string, n: number): string {
  const { bits, words, beginnings, steps, others, kind } = walk;
  const line = (key: string, at: number | undefined, label: string, hash: string | undefined): string => {
    const suffix = at === undefined ? id : `${id}-${at}`;
    return `<li><span id="${key}-${suffix}" class="open"></span> ${label} <code id="${key}h-${suffix}">${hash ?? ''}</code></li>`;
  };
  const joined = (added: readonly string[]): string =>
    added.length === 0
      ? `all of them${others > 0 ? ` and ${others} more` : ''}, joined`
      : `joined with ${added.map((hash) => `<code class="other">${hash}</code>`).join('')} gives`;
  const what = kind === 'hash-tree' ? `SHA-${bits} of the SHA-${bits} of` : `SHA-${bits} of`;
  const and = kind === 'hash-tree' ? ' with that of all timestamps before' : '';
  return [
    `<h3>${readable(parsed.genTime)} <small>${escaped(authority)}; ${kinds[kind]}; by itself until ${readable(ends)}; ${stampName(position, n)}.tst</small></h3>`,
    '<ol class="way">',
    ...beginnings.map((one, at) => line('b', at, `${what} ${escaped(one.what)}${and}`, one.hash)),
    ...steps.map(({ added, result }, at) => line('s', at, joined(added), result)),
    line('t', undefined, 'signed by the timestamp', words.imprint),
    '</ol>',
  ].join('');
}

const limits = `<section><h2>What this page does not check</h2><p>It computes hashes. The signatures of the timestamps, the certificates and whether these were
revoked are checked by the commands in README.txt, or by any validator for RFC 4998 evidence records, such as EU DSS.</p></section>`;
