import { createRequire } from 'node:module';
import { DriverFault, text } from './module.ts';
import { isOpenSc } from './opensc.ts';
import type pkcs11js from 'pkcs11js';
import type { Loaded, Pkcs11 } from './module.ts';
import type { TokenView } from './messages.ts';

/** CK_C_Login (PKCS#11 §5.6.8) on a thread; only ever with a NULL PIN of length 0. */
type LoginWithNull = (session: bigint, user: number, pin: null, length: 0, told: (error: unknown, rv: number | bigint) => void) => void;

/** What is used of koffi. */
interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: readonly string[]): (out: unknown[]) => number | bigint };
  proto(result: string, parameters: readonly string[]): object;
  decode(from: unknown, offset: number, type: object | string): unknown;
  sizeof(type: string): number;
}

/** Position of C_Login in CK_FUNCTION_LIST. The version before the functions fills a pointer's room, except on Windows. */
const loginPosition = 1 + 18;

let known: { readonly koffi?: Koffi; readonly problem: string } | undefined;

/**
 * Whether the reader asks for the PIN on its pad, and why not where it has one. PKCS#11 §5.6.8 wants a NULL PIN, which pkcs11js cannot pass: koffi does.
 * Without koffi an empty PIN has to do, but never with OpenSC, which sends it to the card as a wrong one (docs/decisions/0016).
 * @param flags of CK_TOKEN_INFO
 */
export function padOf({ api, module }: Loaded, flags: number): Pick<TokenView, 'pinPad' | 'padProblem'> {
  if ((flags & api.CKF_PROTECTED_AUTHENTICATION_PATH) === 0) return { pinPad: false };
  const { koffi, problem } = binding();
  return koffi !== undefined || !isOpenSc(module.libPath) ? { pinPad: true } : { pinPad: false, padProblem: problem };
}

/**
 * C_Login with the PIN that a person enters at the reader. With koffi the process goes on meanwhile; the time is the caller's matter.
 * @param user CKU_USER or CKU_CONTEXT_SPECIFIC
 * @throws DriverFault, or what pkcs11js throws: the CKR value
 */
export async function loginAtReader({ api, module }: Loaded, session: pkcs11js.Handle, user: number): Promise<void> {
  const { koffi } = binding();
  if (koffi === undefined) {
    module.C_Login(session, user, '');
    return;
  }
  const login = loginOf(koffi, module.libPath);
  const rv = await new Promise<number>((resolve, reject) => {
    login(session.readBigUInt64LE(), user, null, 0, (error, value) => {
      if (error instanceof Error) reject(error);
      else resolve(Number(value));
    });
  });
  if (rv !== api.CKR_OK) throw new DriverFault({ rv, message: nameOf(api, rv) });
}

/** Loaded when the first pad is seen. */
function binding(): NonNullable<typeof known> {
  if (known !== undefined) return known;
  try {
    return (known = { koffi: createRequire(import.meta.url)('koffi') as Koffi, problem: '' });
  } catch (thrown) {
    return (known = { problem: `OpenSC needs the package koffi for it: ${text(thrown)}` });
  }
}

/** C_Login of a driver that is loaded and initialised in this process: dlopen leads to the same one. */
function loginOf(koffi: Koffi, path: string): LoginWithNull {
  const list: unknown[] = [null];
  const rv = Number(koffi.load(path).func('C_GetFunctionList', 'ulong', ['_Out_ void **'])(list));
  if (rv !== 0) throw new DriverFault({ rv, message: 'C_GetFunctionList failed' });
  const address = koffi.decode(list[0], loginPosition * koffi.sizeof('void *'), 'void *');
  const login = koffi.decode(address, 0, koffi.proto('ulong', ['ulong', 'ulong', 'void *', 'ulong'])) as { readonly async: LoginWithNull };
  return login.async;
}

function nameOf(api: Pkcs11, rv: number): string {
  return Object.entries(api).find(([name, value]) => name.startsWith('CKR_') && value === rv)?.[0] ?? 'C_Login failed';
}
