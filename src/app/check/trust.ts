import { asSealError, SealError } from '../../errors.ts';
import { parseCrl } from '../../formats/crl.ts';
import { displayName, joinPath } from '../../formats/names.ts';
import { readPem } from '../../formats/pem.ts';
import { parseCertificate } from '../../formats/x509.ts';
import type { Config } from '../../model/config.ts';
import type { Effects } from '../../ports/effects.ts';
import type { Path } from '../../ports/files.ts';
import { readTrust } from '../trust.ts';
import { isoTime } from '../views.ts';
import { failed, ok, tried, warning, type Finding } from './finding.ts';

type Needs = Pick<Effects, 'clock' | 'files'>;

const maxCrl = 64 * 2 ** 20;
const month = 30 * 86_400_000;

/** Anchors and further certificates can be read, and have not ended. */
export async function checkAnchors(fx: Needs, config: Config): Promise<Finding[]> {
  const { anchors, certificates } = await readTrust(fx, config.trust);
  const now = fx.clock.now();
  const ending = anchors.map((der) => parseCertificate(der)).filter(({ notAfter }) => notAfter < now + month);
  return [
    ok('trust', `${anchors.length} trust anchor(s), ${certificates.length} further certificate(s)`),
    ...ending.map(({ notAfter }) =>
      warning(
        'trust',
        `a trust anchor ${notAfter < now ? 'ended' : 'ends'} ${isoTime(notAfter)}`,
        'add its successor to trust.anchors; keep the old one, earlier proofs need it',
      ),
    ),
  ];
}

/** What `trust.crls` names is there, is made of CRLs, and they are current. */
export async function checkCrls(fx: Needs, config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const path of config.trust.crls) findings.push(...(await tried('trust crls', async () => await checkCrlPath(fx, path))));
  return findings;
}

async function checkCrlPath(fx: Needs, path: string): Promise<Finding[]> {
  const files = await filesOf(fx, path);
  if (files.length === 0)
    return [warning('trust crls', `${path} holds no CRL (*.crl, *.der, *.pem)`, 'put CRLs there, or take the path out of trust.crls')];
  const findings: Finding[] = [];
  const ends: number[] = [];
  for (const file of files) {
    try {
      const crls = readPem(await fx.files.read(file, maxCrl), 'X509 CRL').map((der) => parseCrl(der));
      const end = Math.min(...crls.map(({ nextUpdate = Infinity }) => nextUpdate));
      if (crls.length === 0) throw new SealError('SEAL-INPUT-INVALID', 'holds no CRL');
      if (end <= fx.clock.now())
        findings.push(
          warning(
            'trust crls',
            `${displayName(file)} was current until ${isoTime(end)} only`,
            'put the CA’s present CRL there; it is read again by itself',
          ),
        );
      else ends.push(end);
    } catch (thrown) {
      const { code, message } = asSealError(thrown);
      const hint = 'replace it with a CRL, DER or PEM, or remove it';
      findings.push(failed('trust crls', new SealError(code, `${displayName(file)}: ${message}`, { hint })));
    }
  }
  const end = Math.min(...ends);
  if (ends.length === 0) return findings;
  return [ok('trust crls', `${path}: ${ends.length} current${end === Infinity ? '' : `, the first ends ${isoTime(end)}`}`), ...findings];
}

async function filesOf({ files }: Needs, path: string): Promise<Path[]> {
  const info = await files.stat(path);
  if (info === undefined)
    throw new SealError('SEAL-INPUT-MISSING', `${path} does not exist`, { hint: 'make it, or take it out of trust.crls' });
  if (info.kind !== 'directory') return [path];
  const found: Path[] = [];
  for await (const { name } of files.list(path)) if (/\.(crl|der|pem)$/i.test(name.toString('latin1'))) found.push(joinPath(path, name));
  return found;
}
