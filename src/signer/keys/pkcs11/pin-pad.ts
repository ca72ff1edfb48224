import { isOpenSc } from './opensc.ts';
import type { Loaded } from './module.ts';

/**
 * Whether C_Login with an empty PIN makes the reader ask for it on its pad. PKCS#11 §5.6.8 wants NULL, which pkcs11js cannot pass; OpenSC 0.23 takes the
 * empty one for a PIN and lets the card count a wrong try (docs/decisions/0016).
 * @param flags of CK_TOKEN_INFO
 */
export function asksAtReader({ api, module }: Loaded, flags: number): boolean {
  return (flags & api.CKF_PROTECTED_AUTHENTICATION_PATH) !== 0 && !isOpenSc(module.libPath);
}
