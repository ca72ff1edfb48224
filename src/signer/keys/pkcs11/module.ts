import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import type pkcs11js from 'pkcs11js';
import type { Fault } from './messages.ts';

export type Pkcs11 = typeof pkcs11js;
export interface Loaded {
  readonly api: Pkcs11;
  readonly module: pkcs11js.PKCS11;
}

/** A fault with what the parent shall be told. */
export class DriverFault extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

const alreadyInitialized = 401;

/** Loads pkcs11js, which is compiled where there is a compiler, then the driver, and initialises it for threads. */
export async function loadModule(path: string): Promise<Loaded> {
  const api = await loadBinding();
  if (path.includes('/') && !existsSync(path)) throw new DriverFault({ rv: 0, module: 'missing', message: `${path} does not exist` });
  const module = new api.PKCS11();
  try {
    module.load(path);
  } catch (thrown) {
    throw new DriverFault({ rv: 0, module: 'missing', message: `${path} cannot be loaded: ${text(thrown)}` });
  }
  try {
    module.C_Initialize({ flags: api.CKF_OS_LOCKING_OK });
  } catch (thrown) {
    if (asFault(thrown).rv !== alreadyInitialized) throw thrown;
  }
  return { api, module };
}

function loadBinding(): Promise<Pkcs11> {
  try {
    return Promise.resolve(createRequire(import.meta.url)('pkcs11js') as Pkcs11);
  } catch (thrown) {
    return Promise.reject(new DriverFault({ rv: 0, module: 'driver', message: `pkcs11js is not there: ${text(thrown)}` }));
  }
}

/** The fault of a signature for which C_Sign was not called. */
export function beforeSigning(thrown: unknown): DriverFault {
  return new DriverFault({ ...asFault(thrown), neverAsked: true });
}

/** Anything thrown here as plain data: the CKR value where there is one. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof DriverFault) return thrown.fault;
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' ? thrown.code : 0;
  return { rv: code, message: text(thrown) };
}

/** The first line of what was thrown. */
export function text(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0] ?? '';
}
