import type { AlgorithmRule } from '../model/algorithms.ts';

export type { AlgorithmRule, AlgorithmSubject } from '../model/algorithms.ts';

const dss = 'EU DSS default validation policy, after the ALGO papers and ETSI TS 119 312';
const sogis = 'SOG-IS Agreed Cryptographic Mechanisms 1.3 (2023), ETSI TS 119 312';

/** Of the dates below; written into the audit log with each renewal. */
export const catalogueVersion = '2026-11';

/** The dates that hold unless the operator gives others. An algorithm that no rule mentions has no known end. */
export const defaultCatalogue: readonly AlgorithmRule[] = [
  { subject: { digest: 'md5' }, end: '2004-08-01', source: dss },
  { subject: { digest: 'sha1' }, end: '2012-08-01', source: dss },
  { subject: { digest: 'ripemd160' }, end: '2014-08-01', source: dss },
  { subject: { digest: 'sha224' }, end: '2026-01-01', source: sogis },
  { subject: { digest: 'sha3-224' }, end: '2026-01-01', source: `${sogis}: as SHA-224, 112 bits` },
  { subject: { key: 'rsa', from: 0, to: 1023 }, end: '2010-08-01', source: dss },
  { subject: { key: 'rsa', from: 1024, to: 1899 }, end: '2019-10-01', source: dss },
  { subject: { key: 'rsa', from: 1900, to: 2999 }, legacy: '2026-01-01', source: sogis },
  {
    subject: { key: 'rsa', from: 1900, to: 2999 },
    end: '2031-01-01',
    source: 'NIST SP 800-57 part 1 rev. 5, table 4: 112 bits until 2030',
  },
  { subject: { padding: 'pkcs1' }, legacy: '2029-01-01', source: dss },
  { subject: { key: 'dsa', from: 0, to: 2047 }, end: '2013-12-01', source: dss },
  { subject: { key: 'dsa', from: 2048, to: 16384 }, end: '2024-02-03', source: 'FIPS 186-5: DSA withdrawn' },
  { subject: { key: 'ec', from: 0, to: 223 }, end: '2012-08-01', source: dss },
  { subject: { key: 'ec', from: 224, to: 255 }, end: '2021-10-01', source: dss },
  { subject: { curve: 'secp256k1' }, end: '2000-01-01', source: `${sogis}: never agreed` },
  { subject: { curve: 'explicit' }, end: '2000-01-01', source: 'RFC 5480 §2.1.1: curves are named' },
];

/**
 * The shipped dates with the operator's: all shipped rules about a subject that the operator names give way to his.
 * @param own in any order; several about one subject: the earliest date counts
 */
export function catalogueWith(own: readonly AlgorithmRule[]): readonly AlgorithmRule[] {
  if (own.length === 0) return defaultCatalogue;
  const subjects = new Set(own.map(({ subject }) => JSON.stringify(subject)));
  return [...defaultCatalogue.filter(({ subject }) => !subjects.has(JSON.stringify(subject))), ...own];
}
