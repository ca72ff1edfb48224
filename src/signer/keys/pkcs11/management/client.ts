import { nameMatcher } from '../../../../formats/globs.ts';
import { findKeys, readCertificates } from '../objects.ts';
import { DriverFault, loadModule } from '../module.ts';
import { withPin } from '../pin.ts';
import { loginAtReader, padOf } from '../pin-pad.ts';
import { takePin } from './pin-pipe.ts';
import { certificateTemplate, keyPairTemplates } from './templates.ts';
import type pkcs11js from 'pkcs11js';
import type { Loaded } from '../module.ts';
import type { TokenKey } from '../messages.ts';
import type { KeyObjectView, ManagedToken, ManagementCalls, PublicKeyParts, TokenObjects } from './messages.ts';

const tokenNotPresent = 224;
const longestSignature = 2048;
const maxObjects = 16;

interface Opened extends Loaded {
  readonly slot: pkcs11js.Handle;
  readonly info: pkcs11js.TokenInfo;
  readonly session: pkcs11js.Handle;
}

/** One token, opened for reading and writing. */
export class ManagementClient {
  #opened: Opened | undefined;

  async find({ module: path, token }: ManagementCalls['find']['args']): Promise<ManagementCalls['find']['reply']> {
    const { api, module } = await loadModule(path);
    for (const slot of module.C_GetSlotList(true)) {
      const info = module.C_GetTokenInfo(slot);
      if ((info.flags & api.CKF_TOKEN_INITIALIZED) === 0 || !fits(token, slot, info, module.C_GetSlotInfo(slot))) continue;
      const session = module.C_OpenSession(slot, api.CKF_SERIAL_SESSION | api.CKF_RW_SESSION);
      this.#opened = { api, module, slot, info, session };
      return { ...padOf({ api, module }, info.flags), label: info.label.trim(), mechanisms: module.C_GetMechanismList(slot) };
    }
    return undefined;
  }

  async login({ pinPad }: ManagementCalls['login']['args']): Promise<TokenObjects> {
    const { api, module, session, slot, info } = this.#open();
    if (pinPad) await loginAtReader({ api, module }, session, api.CKU_USER);
    else
      withPin(takePin(), (pin) => {
        module.C_Login(session, api.CKU_USER, pin);
      });
    return {
      label: info.label.trim(),
      serial: info.serialNumber.trim(),
      mechanisms: module.C_GetMechanismList(slot),
      privateKeys: findKeys(api, module, session).map((key) => this.#view(key)),
      certificates: readCertificates(api, module, session),
    };
  }

  generate({ kind, id, label }: ManagementCalls['generate']['args']): ManagementCalls['generate']['reply'] {
    const { api, module, session } = this.#open();
    const { mechanism, publicKey, privateKey } = keyPairTemplates(api, kind, id, label);
    const made = module.C_GenerateKeyPair(session, { mechanism }, publicKey, privateKey);
    const parts = this.#publicParts(made.publicKey);
    if (parts === undefined) throw new DriverFault({ rv: 0, message: 'the token does not show the public key it has made' });
    return { publicKey: parts };
  }

  async sign({ key, mechanism, input, context }: ManagementCalls['sign']['args']): Promise<{ signature: Buffer }> {
    const { api, module, session } = this.#open();
    const { pss } = mechanism;
    const parameter = pss === undefined ? {} : { parameter: { type: api.CK_PARAMS_RSA_PSS, ...pss } };
    module.C_SignInit(session, { mechanism: mechanism.mechanism, ...parameter }, key);
    if (context === 'at-reader') await loginAtReader({ api, module }, session, api.CKU_CONTEXT_SPECIFIC);
    if (context === 'pin')
      withPin(takePin(), (pin) => {
        module.C_Login(session, api.CKU_CONTEXT_SPECIFIC, pin);
      });
    return { signature: Buffer.from(await module.C_SignAsync(session, input, Buffer.alloc(longestSignature))) };
  }

  store({ certificates }: ManagementCalls['store']['args']): object {
    const { api, module, session } = this.#open();
    for (const certificate of certificates) module.C_CreateObject(session, certificateTemplate(api, certificate));
    return {};
  }

  close(): void {
    try {
      this.#opened?.module.C_Logout(this.#opened.session);
    } catch {
      // It was not logged in.
    }
    try {
      this.#opened?.module.C_Finalize();
    } catch {
      // The process ends anyway.
    }
  }

  #open(): Opened {
    if (this.#opened === undefined) throw new DriverFault({ rv: tokenNotPresent, message: 'the token is not there' });
    return this.#opened;
  }

  #view({ handle, id, label, alwaysAuthenticate }: TokenKey): KeyObjectView {
    const publicKey = this.#publicOf(handle, id);
    return { handle, id, label, alwaysAuthenticate, ...(publicKey === undefined ? {} : { publicKey }) };
  }

  /** From the public key object of the same id, or, for RSA, from the private one. */
  #publicOf(handle: Buffer, id: Buffer): PublicKeyParts | undefined {
    const { api, module, session } = this.#open();
    const template = [
      { type: api.CKA_CLASS, value: api.CKO_PUBLIC_KEY },
      { type: api.CKA_ID, value: id },
    ];
    module.C_FindObjectsInit(session, template);
    let found: pkcs11js.Handle[];
    try {
      found = id.length === 0 ? [] : module.C_FindObjects(session, maxObjects);
    } finally {
      module.C_FindObjectsFinal(session);
    }
    return [...found, handle].map((object) => this.#publicParts(object)).find((parts) => parts !== undefined);
  }

  #publicParts(object: pkcs11js.Handle): PublicKeyParts | undefined {
    const { api } = this.#open();
    const [modulus, exponent] = [this.#attribute(object, api.CKA_MODULUS), this.#attribute(object, api.CKA_PUBLIC_EXPONENT)];
    if (modulus !== undefined && exponent !== undefined) return { modulus, exponent };
    const [parameters, point] = [this.#attribute(object, api.CKA_EC_PARAMS), this.#attribute(object, api.CKA_EC_POINT)];
    return parameters === undefined || point === undefined ? undefined : { parameters, point };
  }

  #attribute(object: pkcs11js.Handle, type: number): Buffer | undefined {
    const { module, session } = this.#open();
    try {
      const value = module.C_GetAttributeValue(session, object, [{ type }])[0]?.value;
      return value === undefined || value.length === 0 ? undefined : value;
    } catch {
      return undefined;
    }
  }
}

function fits(wanted: ManagedToken, slot: pkcs11js.Handle, info: pkcs11js.TokenInfo, { slotDescription }: pkcs11js.SlotInfo): boolean {
  if (wanted.slot !== undefined && Number(slot.readBigUInt64LE()) !== wanted.slot) return false;
  if (wanted.serial !== undefined && info.serialNumber.trim() !== wanted.serial) return false;
  if (wanted.label !== undefined && info.label.trim() !== wanted.label) return false;
  return wanted.reader === undefined || nameMatcher(wanted.reader)(Buffer.from(slotDescription.trim()));
}
