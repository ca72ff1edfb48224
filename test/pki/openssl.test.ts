import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { writePem } from '../../src/formats/pem.ts';
import { needs } from '../support/tools.ts';
import { cn, day, extension, generalName, makeCertificate, makeCrl, noon } from '../support/pki.ts';
import { ask } from './ask.ts';
import type { Entity, Extension } from '../support/pki.ts';

/** One certificate of a random chain; `undefined` leaves the extension out. */
interface Link {
  readonly ca: boolean | undefined;
  readonly pathLength: number | undefined;
  readonly usages: readonly ('keyCertSign' | 'cRLSign' | 'digitalSignature')[] | undefined;
  readonly permitted: string | undefined;
  readonly excluded: string | undefined;
  readonly host: string | undefined;
  readonly current: boolean;
  readonly revoked: boolean;
  readonly unknownCritical: boolean;
  readonly forged: boolean;
}

const hosts = fc.constantFrom('a.example', 'b.a.example', 'b.example');
const rarely = (odds: number) => fc.nat(odds).map((value) => value === 0);
const link: fc.Arbitrary<Link> = fc.record({
  ca: fc.constantFrom(true, true, true, true, true, true, true, false, undefined),
  pathLength: fc.constantFrom(undefined, undefined, undefined, 0, 1, 2),
  usages: fc.constantFrom(
    undefined,
    ['keyCertSign', 'cRLSign'] as const,
    ['keyCertSign', 'cRLSign'] as const,
    ['digitalSignature'] as const,
  ),
  permitted: fc.option(hosts, { nil: undefined, freq: 5 }),
  excluded: fc.option(hosts, { nil: undefined, freq: 8 }),
  host: fc.option(hosts, { nil: undefined, freq: 2 }),
  current: rarely(12).map((value) => !value),
  revoked: rarely(12),
  unknownCritical: rarely(20),
  forged: rarely(20),
});

const keys = Array.from({ length: 6 }, () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

function extensionsOf({ ca, excluded, host, pathLength, permitted, unknownCritical, usages }: Link, leaf: boolean): Extension[] {
  const list: Extension[] = [];
  if (ca !== undefined && !leaf) list.push(extension.basicConstraints(ca, ca ? pathLength : undefined));
  if (usages !== undefined && !leaf) list.push(extension.keyUsage(...usages));
  const bases = (name: string | undefined) => (name === undefined ? [] : [generalName.dns(name)]);
  if (ca === true && !leaf && (permitted ?? excluded) !== undefined)
    list.push(extension.nameConstraints(bases(permitted), bases(excluded)));
  if (host !== undefined) list.push(extension.subjectAltName(generalName.dns(host)));
  if (unknownCritical) list.push({ id: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) });
  return list;
}

/** Anchor first, leaf last; and a CRL of every issuer. */
function build(links: readonly Link[]): { chain: Entity[]; crls: Buffer[] } {
  const root = makeCertificate({
    subject: cn('root'),
    extensions: [extension.basicConstraints(true), extension.keyUsage('keyCertSign', 'cRLSign')],
    ...(keys[0] === undefined ? {} : { privateKey: keys[0] }),
  });
  const chain = [root];
  const crls: Buffer[] = [];
  for (const [at, item] of links.entries()) {
    const issuer = chain.at(-1) ?? root;
    const stranger = keys[5];
    const signer = item.forged && stranger !== undefined ? { certificate: issuer.certificate, privateKey: stranger } : issuer;
    const privateKey = keys[at + 1];
    const made = makeCertificate({
      subject: cn(`entity ${at}`),
      issuer: signer,
      extensions: extensionsOf(item, at === links.length - 1),
      ...(item.current ? {} : { notAfter: noon - day }),
      ...(privateKey === undefined ? {} : { privateKey }),
    });
    chain.push(made);
    const { serialNumber } = made.certificate;
    crls.push(makeCrl({ signer: issuer, entries: item.revoked ? [{ serialNumber, date: noon - 2 * day }] : [] }));
  }
  return { chain, crls };
}

function askOpenssl(directory: string, chain: readonly Entity[], crls: readonly Buffer[]): { valid: boolean; text: string } {
  const file = (name: string, label: string, list: readonly Buffer[]): string => {
    const path = join(directory, name);
    writeFileSync(path, list.map((der) => writePem(der, label)).join(''));
    return path;
  };
  const ders = chain.map(({ certificate }) => certificate.der);
  const args = ['verify', '-attime', String(noon / 1000), '-crl_check_all', '-trusted', file('ta', 'CERTIFICATE', ders.slice(0, 1))];
  if (ders.length > 2) args.push('-untrusted', file('ca', 'CERTIFICATE', ders.slice(1, -1)));
  args.push('-CRLfile', file('crl', 'X509 CRL', crls), file('ee', 'CERTIFICATE', ders.slice(-1)));
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  return { valid: status === 0, text: stderr };
}

test('random chains, most of them wrong somewhere, are judged as openssl judges them', needs('openssl'), () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-verify-'));
  const seen = { valid: 0, invalid: 0 };
  try {
    fc.assert(
      fc.property(fc.array(link, { minLength: 1, maxLength: 4 }), (links) => {
        const { chain, crls } = build(links);
        const [root, leaf] = [chain[0], chain.at(-1)];
        assert.ok(root && leaf);
        const theirs = askOpenssl(directory, chain, crls);
        const { report } = ask(leaf, { anchors: [root], pool: chain.slice(1, -1), crls });
        seen[theirs.valid ? 'valid' : 'invalid']++;
        assert.equal(report.indication === 'PASSED', theirs.valid, `${report.errors.join('; ')} / ${theirs.text}`);
      }),
      { numRuns: process.env['SEALTREE_FULL'] === 'true' ? 1000 : 100, seed: 20260601 },
    );
    assert.ok(seen.valid > 10 && seen.invalid > 10, JSON.stringify(seen));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
