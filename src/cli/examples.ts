import type { Command } from 'commander';

/** For the help of each command: how it is called, seen from the directory of the configuration. */
export const examples: Readonly<Record<string, readonly string[]>> = {
  init: ['sealtree init trial'],
  run: ['sealtree run --config /etc/sealtree/roots.yaml', 'sealtree run --once'],
  status: ['sealtree status', 'sealtree status --probe --quiet --json'],
  check: ['sealtree check', 'sealtree check --sign'],
  sign: ['sealtree sign letter.pdf invoice.pdf --profile pades-b-t --out signed'],
  verify: [
    'sealtree verify letter.pdf',
    'sealtree verify mail.eml.p7s --document mail.eml --evidence mail.eml.ers --report html --out report.html',
    'sealtree verify roots/pdf/outgoing --trust trust.pem --crl crls/evaluation-issuing.crl',
  ],
  'batch list': ['sealtree batch list --state waiting', 'sealtree batch list --root letters --limit 10'],
  'batch show': ['sealtree batch show 20261122-095044-u4raz'],
  'batch retry': ['sealtree batch retry 20261122-095044-u4raz'],
  'batch cancel': ['sealtree batch cancel 20261122-095044-u4raz'],
  'batch approve': ['sealtree batch approve letters 2026-11/run-17'],
  'archive close': ['sealtree archive close'],
  'archive check': ['sealtree archive check', 'sealtree archive check --resume'],
  'archive due': ['sealtree archive due', 'sealtree archive due --json'],
  'archive renew': [
    'sealtree archive renew --timestamps --dry-run',
    'sealtree archive renew --timestamps',
    'sealtree archive renew --rehash sha512 --documents /srv/archive',
  ],
  'archive export': [
    'sealtree archive export letter.pdf --out proof',
    'sealtree archive export --batch 20261122-095044-u4raz --out proof',
    'sealtree archive export --day 2026-11-22 --out proof',
    'sealtree archive export --all --out proof',
    'sealtree archive export letter.pdf --format asic --out proof',
    'sealtree archive export letter.pdf --format bundle --zip --out proof',
  ],
  'archive find': [
    'sealtree archive find letter.pdf',
    'sealtree archive find --digest SHA256:e3b0c44298fc1c149afbf4c8996fb924…',
    'sealtree archive find --name "invoice-47*" --from 2026-11-01 --to 2026-11-30 --json',
    'sealtree archive find --certificate old-seal.pem --limit 1000',
  ],
  'key list': ['sealtree key list'],
  'key activate': ['sealtree key activate card-1', 'sealtree key activate card-1 --pin-file - < pin'],
  'key stack': ['sealtree key stack card-1', 'sealtree key stack card-1 20261122-062129-k3x9q --list shown.txt'],
  'key deactivate': ['sealtree key deactivate card-1'],
  'key generate': ['sealtree key generate seal', 'sealtree key generate card-1 --type rsa-3072'],
  'key csr': ['sealtree key csr seal --subject CN=Seal,O=Example,C=DE --san email:seal@example.com --out seal.csr'],
  'key import': ['sealtree key import seal --certificate seal.pem chain.pem'],
  'key test': ['sealtree key test card-1'],
  report: ['sealtree report', 'sealtree report --from 2026-11-01 --to 2026-11-30 --json'],
  'audit show': ['sealtree audit show --limit 20'],
  'audit verify': ['sealtree audit verify'],
  'audit export': ['sealtree audit export > audit.jsonl', 'sealtree audit export --json > audit.json'],
  tsa: ['sealtree tsa'],
};

/** Puts the examples below the help of every command that has some. @param path the command's name with its parents', without the program's */
export function addExamples(command: Command, path: string): void {
  const lines = examples[path];
  if (lines !== undefined)
    command.addHelpText('after', `\nExample${lines.length === 1 ? '' : 's'}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  for (const child of command.commands) addExamples(child, path === '' ? child.name() : `${path} ${child.name()}`);
}
