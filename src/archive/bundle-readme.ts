import { longest, readable, recordFile, stampName, type ProofView } from './bundle-view.ts';
import { displayName } from '../formats/names.ts';
import type { ProofStamp } from './bundle-stamps.ts';

/** Words in a shell, whatever is in them. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** `README.txt`: what this is, what it proves, how anybody checks it. Lines of commands begin with four spaces. */
export function bundleReadme(view: ProofView): string {
  const { since, until, stamps } = longest(view);
  const title = `PROOF FOR ${view.title}`;
  return [
    title,
    '='.repeat(title.length),
    '',
    ...(view.evaluation ? ['EVALUATION: certificates of an evaluation authority were used; this proves nothing to others.', ''] : []),
    'What this is',
    '------------',
    'Proof that a document existed, bit for bit as it is here, at a time that somebody independent has signed. The hash of the document was joined',
    'with the hashes of others into one tree, and a timestamp authority signed the top of that tree together with the time. Change one bit of',
    'the document, and its hash does not lead to that top any more.',
    '',
    `Proven since   ${readable(since)}, by ${displayName(stamps[0]?.authority ?? '')}`,
    `Proves until   ${readable(until)}: then the certificates or the algorithms of the newest timestamp end`,
    'Renewed proof  The archive renews its timestamps before they end. Ask its keeper for the renewed proof and name the hash of the document.',
    `The keeper's command is: ${view.command}`,
    '',
    'It does not prove who wrote the document, or that what it says is true. Who signed it is told by its signature, where it has one.',
    '',
    'What is in here',
    '---------------',
    ...contents(view),
    '',
    'Check it by looking',
    '-------------------',
    'Open proof.html in any browser. It computes all hashes again, without network, and compares a document that you choose.',
    '',
    'Check it with openssl',
    '---------------------',
    'In a shell, in this folder (xxd comes with vim). Each timestamp answers “Verification: OK”.',
    '',
    ...commands(view, stamps),
    '',
    'That trusts certificates/anchors.pem. Get these certificates from their owner yourself, and compare their SHA-256:',
    ...view.anchors.map((anchor) => `- ${anchor.sha256.toString('hex')}`),
    '',
    'Check it with a validator',
    '-------------------------',
    'Any validator for RFC 4998 takes document and record, such as EU DSS (the European Commission’s Digital Signature Service): the document as file to be',
    `validated, ${recordFile(longest(view).n)} as detached evidence record. Or: sealtree verify ${quoted(documentPath(view))} --evidence ${recordFile(longest(view).n)}`,
    '',
  ].join('\n');
}

/** Where the first object lies, or belongs. */
export function documentPath({ objects: [first] }: ProofView): string {
  return `document/${first?.name ?? ''}`;
}

const meanings: readonly (readonly [start: string, meaning: string])[] = [
  ['evidence/', 'the evidence record (RFC 4998): the hashes on the way and all timestamps, in one file'],
  ['timestamps/', 'the same in pieces for openssl: each timestamp (.tst, RFC 3161), the other hashes on the way to it (.path)'],
  ['certificates/anchors', 'the certificates that everything leads to'],
  ['certificates/timestamps', 'the certificates of the timestamp authorities'],
  ['certificates/signature', 'the certificates that were used when the signature was checked'],
  ['revocation/', 'revocation lists and answers (CRL, OCSP) from when signature and timestamps were checked'],
];

function contents({ objects, files }: ProofView): string[] {
  const kinds = { document: 'the document', signature: 'its signature', object: 'what is proven' };
  return [
    ...objects.map(
      ({ kind, name, shown, bytes }) =>
        `document/${name}: ${kinds[kind]}${bytes === undefined ? ', not included: put it there' : ''}${shown === name ? '' : `; in the archive: ${shown}`}`,
    ),
    ...meanings.flatMap(([start, meaning]) => (files.some(({ name }) => name.startsWith(start)) ? [`${start}…: ${meaning}`] : [])),
    'proof.json: all of this for programs, with the SHA-256 of every file',
  ];
}

/** What a reader types; test/archive/bundle.test.ts does the same. */
function commands(view: ProofView, stamps: readonly ProofStamp[]): string[] {
  const { n } = longest(view);
  const lines = [
    `hash_of() { openssl dgst -"$1" -r "$2" | cut -d ' ' -f 1; }`,
    `join() { printf '%s' "$2" | xxd -r -p | openssl dgst -"$1" -r | cut -d ' ' -f 1; }`,
    `climb() { while read -r others; do hash=$(join "$1" "$(printf '%s\\n' $hash $others | LC_ALL=C sort | tr -d '\\n')"); done < "$2"; }`,
    ...stamps.flatMap((stamp) => [`# ${explained(stamp)}`, ...start(view, stamp, n), ...verify(stamp, n)]),
    ...signatureCommand(view),
  ];
  return lines.map((line) => `    ${line}`);
}

function explained({ walk: { kind, words }, authority }: ProofStamp): string {
  const over = {
    first: 'over the document',
    timestamps: 'over the timestamp before',
    'hash-tree': 'over the document with a stronger hash, and all timestamps before',
  };
  return `Timestamp of ${words.time} by ${authority.replace(/[^\x20-\x7e]/g, '?')}, ${over[kind]}`;
}

function start(view: ProofView, { walk: { kind, bits }, position }: ProofStamp, n: number): string[] {
  const document = quoted(documentPath(view));
  if (kind === 'timestamps') return [`hash=$(hash_of sha${bits} ${stampName(position - 1, n)}.tst)`];
  if (kind === 'first') return [`hash=$(hash_of sha${bits} ${document})`];
  return [`hash=$(join sha${bits} "$(hash_of sha${bits} ${document})$(hash_of sha${bits} ${stampName(position, n)}.sequence)")`];
}

function verify({ walk: { bits }, position, parsed }: ProofStamp, n: number): string[] {
  const name = stampName(position, n);
  const trust = '-CAfile certificates/anchors.pem -untrusted certificates/timestamps.pem';
  return [
    `climb sha${bits} ${name}.path`,
    `openssl ts -verify -digest "$hash" -in ${name}.tst -token_in ${trust} -attime ${Math.floor(parsed.genTime / 1000)}`,
  ];
}

/** A detached CMS signature beside its document. */
function signatureCommand(view: ProofView): string[] {
  const { objects, signature } = view;
  const [document, own] = objects;
  if (signature?.format !== 'cades' || own?.kind !== 'signature' || document === undefined) return [];
  const at = Math.floor(longest(view).since / 1000);
  const files = `-in ${quoted(`document/${own.name}`)} -content ${quoted(`document/${document.name}`)}`;
  return [
    '# The signature, at the time that is proven',
    `openssl cms -verify -binary -inform DER ${files} -CAfile certificates/anchors.pem -certfile certificates/signature.pem -purpose any -attime ${at} -out /dev/null`,
  ];
}
