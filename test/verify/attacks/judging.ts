import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SealError } from '../../../src/errors.ts';
import { wrapOcspResponse } from '../../../src/formats/ocsp.ts';
import { writePem } from '../../../src/formats/pem.ts';
import { dss, opensslCms, opensslTs, pdfsig, pyhanko, type DssAnswer, type DssQuestion } from '../../support/judges.ts';
import { verifyBytes, words } from '../verifying.ts';
import type { TrustKeeper } from '../../../src/verify/verify.ts';
import type { Attack, Trust } from './attack.ts';

/** The file's word and why, or the code of an error: what `sealtree verify` says. */
export function oursOf(attack: Attack, keeper?: TrustKeeper): string {
  const { at, anchors, certificates, crls, ocsps } = attack.trust;
  const options = { anchors, certificates, revocation: { crls, ocsps, failures: [] }, at, revocationMode: 'require' as const };
  const given = { documents: attack.documents ?? {}, digests: attack.digests ?? [] };
  try {
    return words(verifyBytes(attack.file, given, options, keeper).report)[0] ?? '';
  } catch (error) {
    if (error instanceof SealError) return error.code;
    throw error;
  }
}

/** What foreign judges say: `passed`, or why not; absent where they cannot judge. */
export interface Verdicts {
  readonly dss?: string;
  readonly pyhanko?: string;
  readonly pdfsig?: string;
  readonly openssl?: string;
}

/** Asks every foreign judge about everything it can judge: one JVM, one Python process for each set of anchors. */
export async function judgeAll(attacks: readonly Attack[]): Promise<readonly Verdicts[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-attacks-'));
  try {
    const files = new Files(directory, attacks);
    const [ofDss, ofOthers] = [await askDss(attacks, files), await askOthers(attacks, files)];
    return attacks.map((_, at) => ({ ...ofOthers[at], ...(ofDss[at] === undefined ? {} : { dss: ofDss[at] }) }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface TrustFiles {
  readonly anchors: string;
  readonly certificates: readonly string[];
  readonly intermediates: string | undefined;
  readonly crls: readonly string[];
  readonly ocsps: readonly string[];
}

const suffixes = { cms: 'p7s', pdf: 'pdf', token: 'tst', record: 'ers' } as const;

/** Attacks on disk, their trust once for each. */
class Files {
  readonly #directory: string;
  readonly #trust = new Map<Trust, TrustFiles>();
  readonly paths: readonly string[];

  constructor(directory: string, attacks: readonly Attack[]) {
    this.#directory = directory;
    this.paths = attacks.map(({ file, kind }, at) => this.put(`${at}.${suffixes[kind]}`, file));
  }

  put(name: string, bytes: Buffer | string): string {
    const path = join(this.#directory, name);
    writeFileSync(path, bytes);
    return path;
  }

  documents(attack: Attack, at: number): string[] {
    return Object.entries(attack.documents ?? {}).map(([name, bytes]) => this.put(`${at}-${name}`, bytes));
  }

  trust(trust: Trust): TrustFiles {
    const known = this.#trust.get(trust);
    if (known) return known;
    const id = this.#trust.size;
    const each = (what: string, list: readonly Buffer[]) => list.map((bytes, at) => this.put(`trust-${id}-${what}-${at}`, bytes));
    const pem = (what: string, list: readonly Buffer[]) => this.put(`trust-${id}-${what}.pem`, list.map((der) => writePem(der)).join(''));
    const made = {
      anchors: pem('anchors', trust.anchors),
      certificates: each('certificate', trust.certificates),
      intermediates: trust.certificates.length === 0 ? undefined : pem('others', trust.certificates),
      crls: each('crl', trust.crls),
      ocsps: each('ocsp', trust.ocsps.map(wrapOcspResponse)),
    };
    this.#trust.set(trust, made);
    return made;
  }
}

async function askDss(attacks: readonly Attack[], files: Files): Promise<readonly string[]> {
  const questions = attacks.map((attack, at): DssQuestion => {
    const { anchors, certificates, crls, ocsps } = files.trust(attack.trust);
    return {
      file: files.paths[at] ?? '',
      detached: files.documents(attack, at),
      digests: (attack.digests ?? []).map(({ algorithm, value }) => `${algorithm.toUpperCase()}:${value.toString('hex')}`),
      trust: [anchors],
      adjunct: certificates,
      crls,
      ocsps,
      time: new Date(attack.trust.at).toISOString(),
    };
  });
  return (await dss(questions)).map(wordOfDss);
}

function wordOfDss(answer: DssAnswer): string {
  const parts = [
    ...answer.signatures,
    ...answer.evidenceRecords,
    ...answer.detachedTimestamps,
    ...answer.signatures.flatMap(({ timestamps }) => timestamps),
  ];
  const words = parts.map(({ indication, subIndication }) =>
    [indication.replace('_', '-'), ...(subIndication === null ? [] : [subIndication])].join(' '),
  );
  if (answer.error !== undefined) return `not readable`;
  if (words.length === 0) return 'no signature';
  return words.find((word) => !word.endsWith('PASSED')) ?? 'passed';
}

async function askOthers(attacks: readonly Attack[], files: Files): Promise<readonly Verdicts[]> {
  const verdicts: Verdicts[] = attacks.map(() => ({}));
  const set = (at: number, verdict: Verdicts): void => {
    verdicts[at] = { ...verdicts[at], ...verdict };
  };
  const pdfs = Map.groupBy(
    [...attacks.keys()].filter((at) => attacks[at]?.kind === 'pdf'),
    (at) => attacks[at]?.trust,
  );
  for (const [trust, group] of pdfs) if (trust) await askAboutPdfs(trust, group, files, set);
  for (const [at, attack] of attacks.entries()) {
    if (attack.kind === 'cms') set(at, { openssl: await askOpenssl(attack, at, files) });
    if (attack.kind === 'token') set(at, { openssl: await askOpensslTs(attack, at, files) });
  }
  return verdicts;
}

async function askAboutPdfs(
  trust: Trust,
  group: readonly number[],
  files: Files,
  set: (at: number, verdict: Verdicts) => void,
): Promise<void> {
  const { anchors, crls } = files.trust(trust);
  const paths = group.map((at) => files.paths[at] ?? '');
  const answers = await pyhanko(paths, { anchors, crls });
  const others = await pdfsig(paths, anchors);
  group.forEach((at, index) => {
    const { error, signatures = [] } = answers[index] ?? {};
    const bad = signatures.find(({ bottomLine }) => !bottomLine);
    set(at, { pyhanko: error !== undefined ? 'not readable' : bad ? 'refused' : signatures.length === 0 ? 'no signature' : 'passed' });
    const list = others[index]?.signatures ?? [];
    const good = list.every(({ certificateTrusted, signatureValid }) => certificateTrusted && signatureValid);
    const whole = list.some(({ wholeDocument }) => wholeDocument);
    set(at, { pdfsig: list.length === 0 ? 'no signature' : !good ? 'refused' : whole ? 'passed' : 'passed, not the whole document' });
  });
}

async function askOpenssl(attack: Attack, at: number, files: Files): Promise<string> {
  const { anchors, crls, intermediates } = files.trust(attack.trust);
  const trust = { anchors, crls, ...(intermediates === undefined ? {} : { intermediates }) };
  const [document] = files.documents(attack, at);
  return (await opensslCms(files.paths[at] ?? '', trust, document)).accepted ? 'passed' : 'refused';
}

async function askOpensslTs(attack: Attack, at: number, files: Files): Promise<string> {
  const { anchors, intermediates } = files.trust(attack.trust);
  const [document = ''] = files.documents(attack, at);
  const trust = { anchors, ...(intermediates === undefined ? {} : { intermediates }) };
  return (await opensslTs(files.paths[at] ?? '', { data: document }, trust)).accepted ? 'passed' : 'refused';
}
