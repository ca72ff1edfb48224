import { SealError } from '../../../../errors.ts';
import { keyTypeOf } from '../../../../formats/algorithms.ts';
import { nameValues } from '../../../../formats/names-dn.ts';
import { oids } from '../../../../formats/oids.ts';
import { ecPublicKeyInfo, rsaPublicKeyInfo } from '../../../../formats/pkcs10.ts';
import { parseCertificate } from '../../../../formats/x509.ts';
import { mechanismFor } from '../mechanisms.ts';
import { isOpenSc, writeOpenScConf } from '../opensc.ts';
import { longestPin } from '../pin-length.ts';
import { ManagementProcess } from './process.ts';
import { ecPoint } from './templates.ts';
import { createPublicKey } from 'node:crypto';
import type { Pkcs11KeyConfig } from '../../../../model/config.ts';
import type { SignatureAlgorithm } from '../../../../model/algorithms.ts';
import type { GeneratedKey, KeyManagement, ManagedKey, NewKeyKind } from '../../../../ports/key-management.ts';
import type { ManagementEffects } from '../../effects.ts';
import type { CertificateObjectView, KeyObjectView, NewCertificateObject, PublicKeyParts, TokenObjects } from './messages.ts';

/** ms: a card makes an RSA-4096 key in a minute or two; a person at the PIN pad has as long. */
const longWork = 300_000;
const endMs = 5_000;

/** A token that is logged in. */
interface Session {
  readonly process: ManagementProcess;
  readonly objects: TokenObjects;
  /** Undefined: entered at the reader. Kept for keys that ask it for each signature; zeroed by `close`. */
  readonly pin: Buffer | undefined;
}

/** A key on a PKCS#11 token. */
export function pkcs11Management(config: Pkcs11KeyConfig, fx: ManagementEffects): KeyManagement {
  return {
    generate: async (kind, pin) => await generate(config, fx, kind, pin),
    open: async (pin) => await open(config, fx, pin),
  };
}

async function generate(config: Pkcs11KeyConfig, fx: ManagementEffects, kind: NewKeyKind, pin: Buffer | undefined): Promise<GeneratedKey> {
  const session = await login(config, fx, pin);
  try {
    const { privateKeys, certificates, label: token } = session.objects;
    const id = config.key.id === undefined ? fx.random.bytes(8) : Buffer.from(config.key.id, 'hex');
    const label = config.key.label ?? config.name;
    const taken =
      [...privateKeys, ...certificates].some((object) => object.id.equals(id)) || privateKeys.some((key) => key.label === label);
    if (taken)
      throw new SealError(
        'SEAL-KEY-EXISTS',
        `${config.name}: “${token}” has an object of id ${id.toString('hex')} or label “${label}” already`,
        {
          where: config.name,
          hint: 'nothing was changed; name another id and label under “key:”',
        },
      );
    const { publicKey } = await session.process.call('generate', { kind, id, label }, longWork);
    fx.log.info({ key: config.name, kind, id: id.toString('hex'), label }, 'a key pair was made on the token');
    return { spki: publicKeyInfo(publicKey), place: `token “${token}”`, id: id.toString('hex'), label };
  } finally {
    await close(session);
  }
}

async function open(config: Pkcs11KeyConfig, fx: ManagementEffects, pin: Buffer | undefined): Promise<ManagedKey> {
  const session = await login(config, fx, pin);
  try {
    const { process, objects } = session;
    const key = chooseKey(config, objects);
    const spki = publicKeyOf(config, key, objects);
    return {
      spki,
      certificates: objects.certificates.map(({ der }) => der),
      sign: async (data, algorithm) => await sign(config, session, key, spki, data, algorithm),
      store: async (own, issuers) => {
        const known = (der: Buffer): boolean => objects.certificates.some((held) => held.der.equals(der));
        const fresh = [...own.map((der) => certificateObject(der, key)), ...issuers.map((der) => certificateObject(der))];
        await process.call('store', { certificates: fresh.filter(({ der }) => !known(der)) }, longWork);
      },
      close: async () => {
        await close(session);
      },
    };
  } catch (thrown) {
    await close(session);
    throw thrown;
  }
}

async function login(config: Pkcs11KeyConfig, fx: ManagementEffects, pin: Buffer | undefined): Promise<Session> {
  const { name, module, token, timeout } = config;
  if (token === 'any')
    throw new SealError('SEAL-CONFIG-INVALID', `${name}: “token: any” does not say which card is meant`, {
      where: name,
      hint: 'name it by label or serial under “token:” of the key; “sealtree key list” shows both',
    });
  if (pin !== undefined && pin.length > longestPin)
    throw new SealError('SEAL-KEY-PIN-INCORRECT', 'the PIN is too long', { hint: 'nothing was sent to the card; enter it again' });
  const opensc = isOpenSc(module) ? { OPENSC_CONF: await writeOpenScConf(fx, []) } : {};
  const process = new ManagementProcess(name, { ...opensc, ...config.environment }, fx);
  try {
    const found = await process.call('find', { module, token }, Math.max(timeout, endMs));
    if (found === undefined)
      throw new SealError('SEAL-KEY-ABSENT', `${name}: the card or token is not there`, {
        where: name,
        hint: 'insert the card; “token:” of the key says which one is meant',
      });
    const atReader = pin === undefined || pin.length === 0;
    if (atReader && !found.pinPad)
      throw new SealError('SEAL-KEY-PIN-NEEDED', `${name}: the token needs its PIN`, {
        where: name,
        hint: `enter it at the prompt, or use --pin-file${found.padProblem === undefined ? '' : `; the pad of the reader is not used (${found.padProblem})`}`,
      });
    if (!atReader) await process.givePin(pin);
    const objects = await process.call('login', { pinPad: atReader }, atReader ? longWork : timeout);
    return { process, objects, pin: atReader ? undefined : Buffer.from(pin) };
  } catch (thrown) {
    await process.end(endMs);
    throw thrown;
  } finally {
    pin?.fill(0);
  }
}

async function close({ process, pin }: Session): Promise<void> {
  pin?.fill(0);
  await process.end(endMs);
}

/** @throws SealError SEAL-KEY-UNKNOWN when the configuration does not lead to exactly one private key */
function chooseKey({ name, key: wanted }: Pkcs11KeyConfig, { privateKeys }: TokenObjects): KeyObjectView {
  const fitting = privateKeys.filter(
    ({ id, label }) =>
      (wanted.id === undefined || id.toString('hex') === wanted.id.toLowerCase()) && (wanted.label === undefined || label === wanted.label),
  );
  const [key, another] = fitting;
  if (key !== undefined && another === undefined) return key;
  const named = privateKeys.map(({ id, label }) => `id ${id.toString('hex') || '(none)'} “${label}”`).join(', ');
  throw new SealError(
    'SEAL-KEY-UNKNOWN',
    `${name}: the token holds ${fitting.length === 0 ? 'no such private key' : 'several private keys that fit'}`,
    {
      where: name,
      hint:
        privateKeys.length === 0 ? `it has none; make one with “sealtree key generate ${name}”` : `it has ${named}; name one under “key:”`,
    },
  );
}

function publicKeyOf({ name }: Pkcs11KeyConfig, key: KeyObjectView, { certificates }: TokenObjects): Buffer {
  if (key.publicKey !== undefined) return publicKeyInfo(key.publicKey);
  const own = certificates.find(({ id }) => id.length > 0 && id.equals(key.id));
  if (own !== undefined) return parseCertificate(own.der).spki;
  throw new SealError('SEAL-KEY-MISMATCH', `${name}: the token shows no public key for this private key`, {
    where: name,
    hint: 'put the public key object or a certificate with the same id on the token',
  });
}

function publicKeyInfo(parts: PublicKeyParts): Buffer {
  return 'modulus' in parts ? rsaPublicKeyInfo(parts.modulus, parts.exponent) : ecPublicKeyInfo(parts.parameters, ecPoint(parts.point));
}

async function sign(
  { name, timeout }: Pkcs11KeyConfig,
  { process, objects, pin }: Session,
  key: KeyObjectView,
  spki: Buffer,
  data: Buffer,
  algorithm: SignatureAlgorithm,
): Promise<Buffer> {
  const how = mechanismFor(keyTypeOf(createPublicKey({ key: spki, format: 'der', type: 'spki' })), algorithm, objects.mechanisms);
  if (how === undefined)
    throw new SealError('SEAL-KEY-MECHANISM', `${name}: the token offers no mechanism for ${algorithm.digest} ${algorithm.padding ?? ''}`, {
      where: name,
      hint: 'choose another padding',
    });
  const args = { key: key.handle, mechanism: how.call, input: how.input(data) };
  const usual = Math.max(timeout, endMs);
  if (!key.alwaysAuthenticate) return how.output((await process.call('sign', args, usual)).signature);
  if (pin === undefined) return how.output((await process.call('sign', { ...args, context: 'at-reader' }, longWork)).signature);
  await process.givePin(pin);
  return how.output((await process.call('sign', { ...args, context: 'pin' }, usual)).signature);
}

/** @param key whose certificate it is; absent: an issuer's */
function certificateObject(der: Buffer, key?: Pick<CertificateObjectView, 'id'> & { readonly label: string }): NewCertificateObject {
  const { subject, issuer, serialNumber } = parseCertificate(der);
  const label = key?.label ?? nameValues(subject, oids.commonName)[0] ?? 'issuer';
  return { der, label, subject, issuer, serialNumber, ...(key === undefined ? {} : { id: key.id }) };
}
