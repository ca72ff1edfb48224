import { certificateFile } from '../authority/authority.ts';
import { asSealError, errnoOf, SealError } from '../errors.ts';
import { readPem } from '../formats/pem.ts';
import { parseCertificate } from '../formats/x509.ts';
import type { EvaluationConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { HttpServer } from '../ports/http-server.ts';
import { inModule } from '../ports/log.ts';
import type { TimestampAuthority } from '../ports/tsa.ts';
import type { App } from './context.ts';
import { baseUrl, serveEvaluationAuthority, type ServedAuthority } from './tsa.ts';

/** The evaluation authority of this process: served here, or why it is not. */
export interface Evaluation {
  /** Absent: none is configured, it answers already (`sealtree tsa`), or it cannot be served. */
  readonly served?: ServedAuthority;
  /** Its address is taken by somebody else. */
  readonly problem?: SealError;
  /** Those of the effects; where the authority cannot answer, its own say why. */
  readonly tsas: Effects['tsas'];
}

const probeTimeout = 2_000;
const maxCertificate = 65_536;

/**
 * Serves the evaluation authority for as long as this process works. A taken address is no error here: most commands need no timestamp, and
 * “sealtree tsa” with the same keys answers as well.
 * @throws SealError what serving throws but SEAL-HTTP
 */
export async function openEvaluation({ fx, config }: Pick<App, 'fx' | 'config'>, httpServer: HttpServer): Promise<Evaluation> {
  const { evaluation } = config;
  if (evaluation === undefined) return { tsas: fx.tsas };
  try {
    return { served: await serveEvaluationAuthority({ ...inModule(fx, 'http'), httpServer }, evaluation), tsas: fx.tsas };
  } catch (thrown) {
    const error = asSealError(thrown);
    if (error.code !== 'SEAL-HTTP') throw error;
    const holder = errnoOf(error) === 'EADDRINUSE' ? await whoAnswers(fx, evaluation) : undefined;
    if (holder === 'we') return { tsas: fx.tsas };
    const problem = notServed(evaluation, error, holder);
    return { problem, tsas: withoutEvaluation(fx.tsas, config, problem) };
  }
}

/** By the root certificate that is given out at the address. */
async function whoAnswers(
  fx: Pick<Effects, 'files' | 'http'>,
  { dir, host, port }: EvaluationConfig,
): Promise<'we' | 'another' | 'unknown'> {
  try {
    const url = `${baseUrl(host, port)}/ca/root.cer`;
    const limits = { timeout: probeTimeout, maxBytes: maxCertificate, allowPrivate: true };
    const { status, body } = await fx.http.request({ url, method: 'GET', ...limits });
    if (status !== 200) return 'unknown';
    const [own] = readPem(await fx.files.read(certificateFile(dir, 'root'), maxCertificate));
    return own?.equals(parseCertificate(body).der) === true ? 'we' : 'another';
  } catch {
    return 'unknown';
  }
}

function notServed({ host, port }: EvaluationConfig, error: SealError, holder: 'another' | 'unknown' | undefined): SealError {
  const address = `${host}:${port}`;
  const who = holder === 'another' ? 'the evaluation authority of another installation' : 'another program';
  const message = holder === undefined ? error.message : `${address} is held by ${who}`;
  return new SealError('SEAL-TSA-UNAVAILABLE', `the evaluation authority cannot answer: ${message}`, {
    where: address,
    hint: `end that program (“ss -ltnp sport = :${port}” names it), or write a free port into evaluation.listen, trust.allowHosts and the url under tsas`,
    cause: error,
  });
}

/** Authorities whose address is that of the evaluation authority. */
function withoutEvaluation(tsas: Effects['tsas'], { tsas: configured, evaluation }: App['config'], problem: SealError): Effects['tsas'] {
  const isOurs = (name: string): boolean => {
    const url = configured[name]?.url;
    return url !== undefined && evaluation !== undefined && new URL(url).origin === baseUrl(evaluation.host, evaluation.port);
  };
  const refuse = (name: string): TimestampAuthority => ({ name, timestamp: () => Promise.reject(problem) });
  return new Map([...tsas].map(([name, tsa]) => [name, isOurs(name) ? refuse(name) : tsa]));
}
