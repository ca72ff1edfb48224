import { withPin } from './pin.ts';
import { drainSlotEvents } from './look-around.ts';
import { findKeys, readCertificates } from './objects.ts';
import { asFault, beforeSigning, DriverFault } from './module.ts';
import { loginAtReader, padOf } from './pin-pad.ts';
import { Sessions } from './sessions.ts';
import type pkcs11js from 'pkcs11js';
import type { Loaded, Pkcs11 } from './module.ts';
import type { Calls, MechanismCall, PinState, TokenCertificate, TokenKey, TokenSelector, TokenView } from './messages.ts';

// Values that pkcs11js has no names for (PKCS#11 §3.3, CK_STATE).
const userStates: ReadonlySet<number> = new Set([1, 3]);
const tokenPresent = 1;
const pinFaults: ReadonlySet<number> = new Set([160, 161, 162, 164]);
const userAlreadyLoggedIn = 256;
const tokenNotPresent = 224;
const longestSignature = 2048;

interface Found {
  readonly slot: pkcs11js.Handle;
  readonly info: pkcs11js.TokenInfo;
}

interface Open extends Found {
  readonly reader: string;
  readonly sessions: Sessions;
}

/** One token of a loaded module: keeps its sessions open as long as it is there. */
export class TokenClient {
  readonly #loaded: Loaded;
  readonly #api: Pkcs11;
  readonly #module: pkcs11js.PKCS11;
  readonly #wanted: number;
  #open: Open | undefined;
  #loggedIn = false;

  constructor(loaded: Loaded, sessions: number) {
    this.#loaded = loaded;
    this.#api = loaded.api;
    this.#module = loaded.module;
    this.#wanted = sessions;
  }

  library(): string {
    const { libraryDescription, libraryVersion } = this.#module.C_GetInfo();
    return `${libraryDescription.trim()} ${libraryVersion.major}.${libraryVersion.minor}`;
  }

  look(selector: TokenSelector): TokenView | undefined {
    const before = this.#open;
    const state = before !== undefined && this.#isPresent(before.slot) ? this.#sessionState() : undefined;
    if (before !== undefined && state !== undefined) return this.#view(before, state, false);
    const found = this.#find(selector);
    this.#drop();
    if (found === undefined) return undefined;
    const open = this.#openSessions(found);
    return this.#view(open, this.#module.C_GetSessionInfo(open.sessions.first).state, true);
  }

  #view({ info, reader }: Open, state: number, fresh: boolean): TokenView {
    return {
      label: info.label.trim(),
      serial: info.serialNumber.trim(),
      reader,
      pin: this.#pinState(info.flags),
      ...padOf(this.#loaded, info.flags),
      loggedIn: userStates.has(state),
      fresh,
    };
  }

  /** In a session that nobody signs in meanwhile. */
  async certificates(): Promise<{ certificates: TokenCertificate[]; mechanisms: number[] }> {
    const { slot, sessions } = this.#opened();
    const session = await sessions.take();
    try {
      return { certificates: readCertificates(this.#api, this.#module, session), mechanisms: this.#module.C_GetMechanismList(slot) };
    } finally {
      sessions.giveBack(session);
    }
  }

  /** @param pin zeroed; undefined: the pad of the reader asks for it */
  async login(pin: Buffer | undefined): Promise<TokenKey[]> {
    try {
      await this.#login(this.#opened().sessions.first, this.#api.CKU_USER, pin ?? 'at-reader');
      this.#loggedIn = true;
    } catch (thrown) {
      // Only the flags tell how many tries are left, and only now they change.
      const open = this.#open;
      if (open !== undefined && pinFaults.has(asFault(thrown).rv)) this.#open = { ...open, info: this.#tokenInfo(open.slot) ?? open.info };
      throw thrown;
    } finally {
      pin?.fill(0);
    }
    return findKeys(this.#api, this.#module, this.#opened().sessions.first);
  }

  logout(): void {
    const session = this.#open?.sessions.first;
    if (session === undefined) return;
    this.#loggedIn = false;
    this.#module.C_Logout(session);
  }

  /**
   * @param pin for this one signature; zeroed. `at-reader`: the pad of the reader asks for it
   * @throws DriverFault with `neverAsked` when it failed before C_Sign; whatever C_Sign throws
   */
  async sign(
    { key, mechanism, input }: Pick<Calls['sign']['args'], 'key' | 'mechanism' | 'input'>,
    pin?: Buffer | 'at-reader',
  ): Promise<Buffer> {
    let sessions: Sessions;
    let session: pkcs11js.Handle;
    try {
      ({ sessions } = this.#opened());
      session = await sessions.take();
    } catch (thrown) {
      if (Buffer.isBuffer(pin)) pin.fill(0);
      throw beforeSigning(thrown);
    }
    try {
      try {
        this.#module.C_SignInit(session, this.#mechanism(mechanism), key);
      } catch (thrown) {
        throw beforeSigning(thrown);
      }
      try {
        if (pin !== undefined) await this.#login(session, this.#api.CKU_CONTEXT_SPECIFIC, pin);
      } catch (thrown) {
        // The signature that was begun cannot be taken back in this session (PKCS#11 v2.40 §5.11).
        session = sessions.renew(session);
        throw beforeSigning(thrown);
      }
      // `input` is referenced until the end: the thread reads it in place.
      const signature = await this.#module.C_SignAsync(session, input, Buffer.alloc(longestSignature));
      return Buffer.from(signature);
    } finally {
      if (Buffer.isBuffer(pin)) pin.fill(0);
      sessions.giveBack(session);
    }
  }

  close(): void {
    this.#drop();
    try {
      this.#module.C_Finalize();
    } catch {
      // The process ends anyway.
    }
  }

  /** @param pin zeroed */
  async #login(session: pkcs11js.Handle, user: number, pin: Buffer | 'at-reader'): Promise<void> {
    if (pin === 'at-reader') {
      try {
        await loginAtReader(this.#loaded, session, user);
      } catch (thrown) {
        this.#endLeftOver(user, thrown);
        await loginAtReader(this.#loaded, session, user);
      }
      return;
    }
    withPin(pin, (text) => {
      try {
        this.#module.C_Login(session, user, text);
      } catch (thrown) {
        this.#endLeftOver(user, thrown);
        this.#module.C_Login(session, user, text);
      }
    });
  }

  /** Where a login is left over, the module has not looked at the PIN (PKCS#11 §5.6): that one ends first. @throws any other error as it is */
  #endLeftOver(user: number, thrown: unknown): void {
    if (user !== this.#api.CKU_USER || asFault(thrown).rv !== userAlreadyLoggedIn) throw thrown;
    this.logout();
  }

  #mechanism({ mechanism, pss }: MechanismCall): pkcs11js.Mechanism {
    return pss === undefined ? { mechanism } : { mechanism, parameter: { type: this.#api.CK_PARAMS_RSA_PSS, ...pss } };
  }

  #opened(): Open {
    if (this.#open === undefined) throw new DriverFault({ rv: tokenNotPresent, message: 'the token is not there' });
    return this.#open;
  }

  /** Asked of its own reader alone: in another one a card of another process may be locked. */
  #isPresent(slot: pkcs11js.Handle): boolean {
    try {
      return (this.#module.C_GetSlotInfo(slot).flags & tokenPresent) !== 0;
    } catch {
      return false;
    }
  }

  #find(selector: TokenSelector): Found | undefined {
    drainSlotEvents(this.#loaded);
    for (const slot of this.#module.C_GetSlotList(true)) {
      if (selector.slot !== undefined && Number(slot.readBigUInt64LE()) !== selector.slot) continue;
      const info = this.#tokenInfo(slot);
      if (info === undefined || (info.flags & this.#api.CKF_TOKEN_INITIALIZED) === 0) continue;
      if (selector.serial !== undefined && info.serialNumber.trim() !== selector.serial) continue;
      if (selector.label !== undefined && info.label.trim() !== selector.label) continue;
      return { slot, info };
    }
    return undefined;
  }

  /** Undefined when the card has left between the list and the question. */
  #tokenInfo(slot: pkcs11js.Handle): pkcs11js.TokenInfo | undefined {
    try {
      return this.#module.C_GetTokenInfo(slot);
    } catch {
      return undefined;
    }
  }

  /**
   * CK_STATE, undefined when the session is dead. Asked of the card only while it is logged in: OpenSC 0.23 hangs for ever in the second question about the
   * PIN of a card that has left (sc_unlock keeps its mutex).
   */
  #sessionState(): number | undefined {
    const session = this.#open?.sessions.first;
    if (session === undefined) return undefined;
    try {
      if (this.#loggedIn) return this.#module.C_GetSessionInfo(session).state;
      this.#module.C_FindObjectsInit(session, [{ type: this.#api.CKA_CLASS, value: this.#api.CKO_CERTIFICATE }]);
      this.#module.C_FindObjectsFinal(session);
      return 0;
    } catch {
      return undefined;
    }
  }

  #openSessions({ slot, info }: Found): Open {
    const sessions = new Sessions(this.#wanted, {
      open: () => this.#module.C_OpenSession(slot, this.#api.CKF_SERIAL_SESSION),
      close: (session) => {
        this.#module.C_CloseSession(session);
      },
    });
    const open = { slot, info, sessions, reader: this.#module.C_GetSlotInfo(slot).slotDescription.trim() };
    this.#open = open;
    return open;
  }

  #drop(): void {
    this.#open?.sessions.end();
    this.#open = undefined;
    this.#loggedIn = false;
  }

  #pinState(flags: number): PinState {
    if (flags & this.#api.CKF_USER_PIN_LOCKED) return 'locked';
    if (flags & this.#api.CKF_USER_PIN_FINAL_TRY) return 'last-try';
    return flags & this.#api.CKF_USER_PIN_COUNT_LOW ? 'low' : 'unknown';
  }
}
