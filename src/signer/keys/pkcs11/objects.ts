import type pkcs11js from 'pkcs11js';
import type { Pkcs11 } from './module.ts';
import type { TokenCertificate, TokenKey } from './messages.ts';

/** More objects than any signing token holds: a token that claims more is broken. */
const maxObjects = 256;

/** X.509 certificates that are visible in this session. */
export function readCertificates(api: Pkcs11, module: pkcs11js.PKCS11, session: pkcs11js.Handle): TokenCertificate[] {
  const handles = find(module, session, [
    { type: api.CKA_CLASS, value: api.CKO_CERTIFICATE },
    { type: api.CKA_CERTIFICATE_TYPE, value: api.CKC_X_509 },
  ]);
  return handles.flatMap((handle) => {
    const der = attribute(module, session, handle, api.CKA_VALUE);
    return der === undefined || der.length === 0 ? [] : [{ der, ...naming(api, module, session, handle) }];
  });
}

/** Private keys that are visible in this session: after login, the token's. */
export function findKeys(api: Pkcs11, module: pkcs11js.PKCS11, session: pkcs11js.Handle): TokenKey[] {
  const points = publicPoints(api, module, session);
  return find(module, session, [{ type: api.CKA_CLASS, value: api.CKO_PRIVATE_KEY }]).map((handle) => {
    const names = naming(api, module, session, handle);
    const modulus = attribute(module, session, handle, api.CKA_MODULUS);
    const point = points.get(names.id.toString('hex'));
    return {
      handle,
      ...names,
      alwaysAuthenticate: attribute(module, session, handle, api.CKA_ALWAYS_AUTHENTICATE)?.[0] === 1,
      ...(modulus === undefined || modulus.length === 0 ? {} : { modulus }),
      ...(point === undefined ? {} : { point }),
    };
  });
}

/** CKA_EC_POINT of the public keys, by id. */
function publicPoints(api: Pkcs11, module: pkcs11js.PKCS11, session: pkcs11js.Handle): Map<string, Buffer> {
  const points = new Map<string, Buffer>();
  for (const handle of find(module, session, [{ type: api.CKA_CLASS, value: api.CKO_PUBLIC_KEY }])) {
    const point = attribute(module, session, handle, api.CKA_EC_POINT);
    const id = attribute(module, session, handle, api.CKA_ID);
    if (point !== undefined && point.length > 0 && id !== undefined) points.set(id.toString('hex'), point);
  }
  return points;
}

function naming(api: Pkcs11, module: pkcs11js.PKCS11, session: pkcs11js.Handle, handle: pkcs11js.Handle): { id: Buffer; label: string } {
  return {
    id: attribute(module, session, handle, api.CKA_ID) ?? Buffer.alloc(0),
    label: attribute(module, session, handle, api.CKA_LABEL)?.toString('utf8').trim() ?? '',
  };
}

/** Undefined when the object does not have it: one at a time, because some modules answer for all or none. */
function attribute(module: pkcs11js.PKCS11, session: pkcs11js.Handle, handle: pkcs11js.Handle, type: number): Buffer | undefined {
  try {
    return module.C_GetAttributeValue(session, handle, [{ type }])[0]?.value;
  } catch {
    return undefined;
  }
}

function find(module: pkcs11js.PKCS11, session: pkcs11js.Handle, template: pkcs11js.Template): pkcs11js.Handle[] {
  module.C_FindObjectsInit(session, template);
  try {
    return module.C_FindObjects(session, maxObjects);
  } finally {
    module.C_FindObjectsFinal(session);
  }
}
