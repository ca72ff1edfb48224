import { SealError } from '../errors.ts';
import { parse, readElement } from './der.ts';

// RFC 7468 §3 (lax form): explanatory text around the blocks is allowed, white space inside them too.
const block = /-----BEGIN (?<label>[A-Z0-9 ]{1,64})-----(?<body>[^-]*)-----END \k<label>-----/g;

/** Labels under which the same thing is found in the wild. */
const alternatives: Readonly<Record<string, readonly string[]>> = {
  CERTIFICATE: ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'],
};

/**
 * DER objects of a PEM text, or of a file that holds DER already: one, or several one behind the other. Hostile input.
 * @param label PEM label that is wanted (`CERTIFICATE`, `X509 CRL`); blocks with another label are passed over.
 * @returns each object's DER, in order; empty when the PEM text has no such block
 * @throws SealError SEAL-INPUT-INVALID when it is neither PEM nor DER, or a block is not base64 around one element
 */
export function readPem(input: string | Buffer, label = 'CERTIFICATE'): Buffer[] {
  if (typeof input !== 'string' && input[0] === 0x30) return readDer(input);
  const text = typeof input === 'string' ? input : input.toString('latin1');
  const wanted = alternatives[label] ?? [label];
  const found: Buffer[] = [];
  let blocks = 0;
  for (const match of text.matchAll(block)) {
    blocks++;
    const { label: own = '', body = '' } = match.groups ?? {};
    if (wanted.includes(own)) found.push(readBody(body, own));
  }
  if (blocks === 0) throw invalid('neither PEM nor DER');
  return found;
}

/** One object as PEM text with lines of 64 characters (RFC 7468 §2). */
export function writePem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function readDer(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const { raw } = readElement(bytes, at);
    found.push(raw);
    at += raw.length;
  }
  return found;
}

function readBody(body: string, label: string): Buffer {
  const base64 = body.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw invalid(`a block "${label}" is not base64`);
  const bytes = Buffer.from(base64, 'base64');
  // What follows the certificate in a TRUSTED CERTIFICATE of OpenSSL is its own list of purposes.
  return label.startsWith('TRUSTED') ? readElement(bytes).raw : parse(bytes).raw;
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `PEM: ${message}`, { hint: 'give a PEM file (-----BEGIN …-----) or its DER form' });
}
