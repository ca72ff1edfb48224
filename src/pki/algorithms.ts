import { describeDigest, describeScheme, parseSignatureAlgorithm } from '../formats/algorithms.ts';
import { defaultCatalogue } from './catalogue.ts';
import { messageOf, utc } from './findings.ts';
import type { SignatureScheme } from '../formats/algorithms.ts';
import type { AlgorithmRule, AlgorithmSubject } from './catalogue.ts';
import type { AnyDigest, KeyType } from '../model/algorithms.ts';

/** Until when an algorithm may be relied on, and what says so. */
export interface AlgorithmLife {
  /** Plain words: `SHA-1`, `RSA with 1024 bits`. */
  readonly name: string;
  /** UTC ms; from then on not accepted. Infinity: no end is known. */
  readonly end: number;
  /** UTC ms; from then on accepted with a warning. */
  readonly legacy: number;
  /** Sources of the two dates. */
  readonly endSource: string;
  readonly legacySource: string;
}

/** A verdict on the algorithms of one signature at one time. */
export interface AlgorithmVerdict {
  readonly acceptable: boolean;
  /** What is not acceptable, with its source. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** UTC ms: first instant at which the verdict turns to not acceptable. */
  readonly end: number;
  /** UTC ms, half open: while the time lies in here neither errors nor warnings change. */
  readonly from: number;
  readonly until: number;
}

function lifeOf(name: string, rules: readonly AlgorithmRule[]): AlgorithmLife {
  let life: AlgorithmLife = { name, end: Infinity, legacy: Infinity, endSource: '', legacySource: '' };
  for (const { end, legacy, source } of rules) {
    if (end !== undefined && Date.parse(end) < life.end) life = { ...life, end: Date.parse(end), endSource: source };
    if (legacy !== undefined && Date.parse(legacy) < life.legacy) life = { ...life, legacy: Date.parse(legacy), legacySource: source };
  }
  return life;
}

/** Life of a digest. @param catalogue dates that hold, the shipped ones by default */
export function digestLife(digest: AnyDigest, catalogue: readonly AlgorithmRule[] = defaultCatalogue): AlgorithmLife {
  const rules = catalogue.filter(({ subject }) => 'digest' in subject && subject.digest === digest);
  return lifeOf(describeDigest(digest), rules);
}

/** Life of a key by kind and size. */
export function keyLife(key: KeyType, catalogue: readonly AlgorithmRule[] = defaultCatalogue): AlgorithmLife {
  return lifeOf(
    describeKey(key),
    catalogue.filter(({ subject }) => speaksAboutKey(subject, key)),
  );
}

function speaksAboutKey(subject: AlgorithmSubject, key: KeyType): boolean {
  if ('curve' in subject) return key.type === 'ec' && key.curve === subject.curve;
  if (!('key' in subject)) return false;
  const kind = key.type === 'rsa-pss' ? 'rsa' : key.type;
  return kind === subject.key && key.bits >= subject.from && key.bits <= subject.to;
}

/** Plain words for a key: `RSA with 3072 bits`, `EC on brainpoolP256r1`. */
function describeKey(key: KeyType): string {
  if (key.type === 'ec') return `EC on ${key.curve}`;
  if (key.type === 'ed25519' || key.type === 'ed448') return key.type === 'ed25519' ? 'Ed25519' : 'Ed448';
  return `${key.type === 'dsa' ? 'DSA' : 'RSA'} with ${key.bits} bits`;
}

/** Everything a signature's strength rests on: its key, its digests, its padding. */
export function schemeLives(
  scheme: SignatureScheme,
  key: KeyType,
  catalogue: readonly AlgorithmRule[] = defaultCatalogue,
): AlgorithmLife[] {
  const lives = [keyLife(key, catalogue)];
  if ('digest' in scheme) lives.push(digestLife(scheme.digest, catalogue));
  if (scheme.scheme === 'rsa-pkcs1') {
    const rules = catalogue.filter(({ subject }) => 'padding' in subject);
    lives.push(lifeOf('RSA PKCS#1 v1.5', rules));
  }
  return lives;
}

/**
 * Whether a signature's algorithms could be relied on at a time (EN 319 102-1 §5.2.8; failing is CRYPTO_CONSTRAINTS_FAILURE, or
 * CRYPTO_CONSTRAINTS_FAILURE_NO_POE while no older proof of existence is known). Never throws: what cannot be read is not acceptable.
 * @param identifier DER AlgorithmIdentifier of the signature
 * @param at UTC ms: when the signature is known to have existed
 * @param messageDigest SignerInfo.digestAlgorithm, for identifiers that name only the key
 */
export function judgeAlgorithms(
  identifier: Buffer,
  key: KeyType,
  at: number,
  catalogue: readonly AlgorithmRule[] = defaultCatalogue,
  messageDigest?: AnyDigest,
): AlgorithmVerdict {
  const name = `${messageDigest ?? ''}:${JSON.stringify(key)}:${identifier.toString('latin1')}`;
  const verdicts = judged.get(catalogue) ?? new Map<string, AlgorithmVerdict>();
  const known = verdicts.get(name);
  if (known !== undefined && known.from <= at && at < known.until) return known;
  const verdict = judge(identifier, key, at, catalogue, messageDigest);
  if (verdicts.size >= judgedLimit) verdicts.clear();
  judged.set(catalogue, verdicts.set(name, verdict));
  return verdict;
}

/** Verdicts by catalogue: thousands of signatures are made alike. */
const judged = new WeakMap<readonly AlgorithmRule[], Map<string, AlgorithmVerdict>>();
const judgedLimit = 256;

function judge(
  identifier: Buffer,
  key: KeyType,
  at: number,
  catalogue: readonly AlgorithmRule[],
  messageDigest: AnyDigest | undefined,
): AlgorithmVerdict {
  try {
    const scheme = parseSignatureAlgorithm(identifier, messageDigest);
    return judgeLives(schemeLives(scheme, key, catalogue), at);
  } catch (error) {
    return { acceptable: false, errors: [messageOf(error)], warnings: [], end: -Infinity, from: -Infinity, until: Infinity };
  }
}

/** Whether algorithms with these lives could be relied on at a time. @param at UTC ms */
export function judgeLives(lives: readonly AlgorithmLife[], at: number): AlgorithmVerdict {
  const day = (time: number) => utc(time).slice(0, 10);
  const errors = lives
    .filter(({ end }) => at >= end)
    .map(({ name, end, endSource }) => `${name} is not acceptable from ${day(end)} on (${endSource})`);
  const warnings = lives
    .filter(({ end, legacy }) => at < end && at >= legacy)
    .map(({ name, legacy, legacySource }) => `${name} has been phased out on ${day(legacy)} (${legacySource})`);
  const turns = lives.flatMap(({ end, legacy }) => [end, legacy]);
  return {
    acceptable: errors.length === 0,
    errors,
    warnings,
    end: Math.min(...lives.map(({ end }) => end)),
    from: Math.max(-Infinity, ...turns.filter((time) => time <= at)),
    until: Math.min(Infinity, ...turns.filter((time) => time > at)),
  };
}

/** Plain words for a signature's algorithm and key: `RSA-PSS with SHA-256`; the dotted form where it is not known. */
export function describeSignature(identifier: Buffer, messageDigest?: AnyDigest): string {
  const name = `${messageDigest ?? ''}:${identifier.toString('latin1')}`;
  const known = descriptions.get(name);
  if (known !== undefined) return known;
  const description = describe(identifier, messageDigest);
  if (descriptions.size < judgedLimit) descriptions.set(name, description);
  return description;
}

const descriptions = new Map<string, string>();

function describe(identifier: Buffer, messageDigest: AnyDigest | undefined): string {
  try {
    return describeScheme(parseSignatureAlgorithm(identifier, messageDigest));
  } catch {
    return 'unsupported algorithm';
  }
}
