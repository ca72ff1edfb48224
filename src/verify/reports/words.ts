import type { BlockIndication, Indication, SignatureReport, SubIndication, TimestampReport } from '../../model/verification.ts';

/** What each sub-indication of EN 319 102-1 says to somebody who has not read the standard. */
export const meanings: Readonly<Record<SubIndication, string>> = {
  FORMAT_FAILURE: 'the signature is malformed',
  HASH_FAILURE: 'the document was changed after it was signed',
  SIG_CRYPTO_FAILURE: 'the signature value does not fit the certificate',
  REVOKED: 'the certificate had been revoked when the signature was made',
  EXPIRED: 'the certificate had expired when the signature was made',
  NOT_YET_VALID: 'the signature was made before the certificate was valid',
  SIG_CONSTRAINTS_FAILURE: 'the signature lacks or contradicts something it must state',
  CHAIN_CONSTRAINTS_FAILURE: 'the certificate is not meant for this use',
  CERTIFICATE_CHAIN_GENERAL_FAILURE: 'the certificate chain could not be validated',
  CRYPTO_CONSTRAINTS_FAILURE: 'an algorithm or key was too weak',
  CRYPTO_CONSTRAINTS_FAILURE_NO_POE: 'an algorithm or key is too weak by now, and nothing proves that the signature is older',
  POLICY_PROCESSING_ERROR: 'the signature policy could not be processed',
  SIGNATURE_POLICY_NOT_AVAILABLE: 'the signature policy is not at hand',
  TIMESTAMP_ORDER_FAILURE: 'the times of the timestamps contradict each other',
  NO_SIGNING_CERTIFICATE_FOUND: 'the certificate of the signer is not at hand',
  NO_CERTIFICATE_CHAIN_FOUND: 'no chain leads from the certificate to a trust anchor',
  NO_CERTIFICATE_CHAIN_FOUND_NO_POE: 'no chain leads to a trust anchor, and nothing proves when the signature existed',
  REVOKED_NO_POE: 'the certificate was revoked, and nothing proves that the signature is older',
  REVOKED_CA_NO_POE: 'a certificate authority was revoked, and nothing proves that the signature is older',
  OUT_OF_BOUNDS_NOT_REVOKED: 'the certificate has ended without being revoked, and nothing proves that the signature is older',
  OUT_OF_BOUNDS_NO_POE: 'the certificate is not valid at this time, and nothing proves that the signature was made when it was',
  REVOCATION_OUT_OF_BOUNDS_NO_POE: 'the revocation data come from an authority whose own certificate has ended',
  NO_POE: 'nothing proves that the signature existed in time',
  TRY_LATER: 'revocation data are missing or too old; try again when there are newer ones',
  SIGNED_DATA_NOT_FOUND: 'there is nothing here that could be judged: the document or its signature is missing',
  CUSTOM: 'a rule of this installation does not hold',
};

/** One sentence for a verdict. */
export function meaning(indication: Indication | BlockIndication, subIndication: SubIndication | undefined): string {
  if (subIndication !== undefined) return meanings[subIndication];
  if (indication === 'TOTAL-PASSED' || indication === 'PASSED') return 'everything that was checked holds';
  return indication === 'INDETERMINATE' ? 'it cannot be decided' : 'it does not hold';
}

export const timestampKinds: Readonly<Record<TimestampReport['kind'], string>> = {
  'signature-timestamp': 'signature timestamp',
  'document-timestamp': 'document timestamp',
  'archive-timestamp': 'archive timestamp',
  'evidence-record': 'timestamp of an evidence record',
};

/** How the standards write the names of formats. */
export const formatNames: Readonly<Record<SignatureReport['format'], string>> = {
  cades: 'CAdES',
  pades: 'PAdES',
  xades: 'XAdES',
  'asic-s': 'ASiC-S',
  'asic-e': 'ASiC-E',
  jades: 'JAdES',
  cms: 'CMS',
};

export const evaluationNotice = 'EVALUATION: certificates of an evaluation authority are involved; this proves nothing outside the house';

/** `2026-11-22 06:38:11 UTC` from ISO 8601. */
export function readableTime(iso: string): string {
  return iso.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
}

// Control characters, line separators and the marks that turn the direction of writing.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Text for people: what could redraw a terminal or a page is shown as an escape. Names of files are escaped already when they come here. */
export function printable(text: string): string {
  return text.replace(unsafe, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`);
}
