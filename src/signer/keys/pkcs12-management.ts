import { createPublicKey, generateKeyPair } from 'node:crypto';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { SealError, errnoOf } from '../../errors.ts';
import { openPkcs12, writePkcs12 } from '../../formats/pkcs12.ts';
import { keyTypeOf } from '../../formats/algorithms.ts';
import { softwareKey } from './software.ts';
import type { KeyObject } from 'node:crypto';
import type { Pkcs12KeyConfig } from '../../model/config.ts';
import type { GeneratedKey, KeyManagement, ManagedKey, NewKeyKind } from '../../ports/key-management.ts';
import type { ManagementEffects } from './effects.ts';

const maxBytes = 2 ** 22;
const privateMode = 0o600;
const pair = promisify(generateKeyPair);

/** A key in a PKCS#12 file. Its passphrase comes from where the configuration says. */
export function pkcs12Management(config: Pkcs12KeyConfig, fx: ManagementEffects): KeyManagement {
  return {
    generate: async (kind) => await generate(config, fx, kind),
    open: async () => await open(config, fx),
  };
}

async function generate(config: Pkcs12KeyConfig, fx: ManagementEffects, kind: NewKeyKind): Promise<GeneratedKey> {
  const { file, name } = config;
  const exists = new SealError('SEAL-KEY-EXISTS', `${name}: ${file} exists already and stays as it is`, {
    where: file,
    hint: 'name a new file under “file:” of the key',
  });
  if ((await fx.files.stat(file)) !== undefined) throw exists;
  const passphrase = await fx.readSecret(config.passphrase);
  try {
    if (passphrase.length === 0)
      throw new SealError('SEAL-CONFIG-SECRET', `${name}: the passphrase is empty`, {
        hint: 'put a long random one where “passphrase:” points to',
      });
    const privateKey = await newKey(kind);
    const bytes = await writePkcs12({
      privateKey,
      certificates: [],
      friendlyName: name,
      passphrase,
      random: (length) => fx.random.bytes(length),
    });
    await fx.files.makeDirectory(dirname(file), 0o700);
    if (!(await fx.files.claimDurable(file, bytes, privateMode))) throw exists;
    return { spki: publicKeyInfo(privateKey), place: file };
  } finally {
    passphrase.fill(0);
  }
}

/** Off the event loop: a large RSA key takes seconds. */
async function newKey(kind: NewKeyKind): Promise<KeyObject> {
  if (kind.startsWith('rsa-')) return (await pair('rsa', { modulusLength: Number(kind.slice(4)) })).privateKey;
  const namedCurve = kind === 'p-256' ? 'P-256' : kind === 'p-384' ? 'P-384' : kind;
  return (await pair('ec', { namedCurve })).privateKey;
}

function publicKeyInfo(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

async function open(config: Pkcs12KeyConfig, fx: ManagementEffects): Promise<ManagedKey> {
  const { file, name } = config;
  const passphrase = await fx.readSecret(config.passphrase);
  try {
    const { keys, certificates } = await openPkcs12(await readFile(config, fx), passphrase);
    const [key, another] = keys;
    if (key === undefined || another !== undefined)
      throw new SealError('SEAL-INPUT-INVALID', `${name}: the file holds ${keys.length} private keys; exactly one can be worked with`, {
        where: file,
        hint: 'make a file for each key',
      });
    const { privateKey } = key;
    const held = certificates.map(({ der }) => der);
    const signing = softwareKey(name, privateKey, keyTypeOf(createPublicKey(privateKey)), []);
    return {
      spki: publicKeyInfo(privateKey),
      certificates: held,
      sign: async (data, algorithm) => await signing.sign(data, algorithm),
      store: async (own, issuers) => {
        await write(config, fx, privateKey, passphrase, distinct([...own, ...held, ...issuers]));
      },
      close: () => {
        passphrase.fill(0);
        return Promise.resolve();
      },
    };
  } catch (thrown) {
    passphrase.fill(0);
    throw thrown;
  }
}

async function readFile({ file, name }: Pkcs12KeyConfig, fx: ManagementEffects): Promise<Buffer> {
  try {
    return await fx.files.read(file, maxBytes);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    throw new SealError('SEAL-KEY-ABSENT', `${name}: ${file} does not exist`, {
      where: file,
      hint: `make it with “sealtree key generate ${name}”`,
    });
  }
}

/** The whole new file or the old one, at any moment. */
async function write(
  { file, name }: Pkcs12KeyConfig,
  fx: ManagementEffects,
  privateKey: KeyObject,
  passphrase: Buffer,
  certificates: readonly Buffer[],
): Promise<void> {
  const bytes = await writePkcs12({
    privateKey,
    certificates,
    friendlyName: name,
    passphrase,
    random: (length) => fx.random.bytes(length),
  });
  await fx.files.writeDurable(file, bytes, privateMode);
}

function distinct(certificates: readonly Buffer[]): Buffer[] {
  return certificates.filter((der, index) => certificates.findIndex((other) => other.equals(der)) === index);
}
