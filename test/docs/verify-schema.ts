import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { anyDigests } from '../../src/formats/digests.ts';
import type { FileReport } from '../../src/model/verification.ts';

/** JSON Schema of `verify --json`, made from here: `bin/node test/docs/verify-schema.ts`. */
export const schemaPath: string = new URL('../../docs/schemas/verify.schema.json', import.meta.url).pathname;

const indication = z
  .enum(['TOTAL-PASSED', 'TOTAL-FAILED', 'INDETERMINATE'])
  .meta({ id: 'Indication', description: 'EN 319 102-1 §5.1.3, table 1' });
const blockIndication = z
  .enum(['PASSED', 'FAILED', 'INDETERMINATE'])
  .meta({ id: 'BlockIndication', description: 'status of a building block, a timestamp or an evidence record' });
const subIndication = z
  .enum([
    'FORMAT_FAILURE',
    'HASH_FAILURE',
    'SIG_CRYPTO_FAILURE',
    'REVOKED',
    'EXPIRED',
    'NOT_YET_VALID',
    'SIG_CONSTRAINTS_FAILURE',
    'CHAIN_CONSTRAINTS_FAILURE',
    'CERTIFICATE_CHAIN_GENERAL_FAILURE',
    'CRYPTO_CONSTRAINTS_FAILURE',
    'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
    'POLICY_PROCESSING_ERROR',
    'SIGNATURE_POLICY_NOT_AVAILABLE',
    'TIMESTAMP_ORDER_FAILURE',
    'NO_SIGNING_CERTIFICATE_FOUND',
    'NO_CERTIFICATE_CHAIN_FOUND',
    'NO_CERTIFICATE_CHAIN_FOUND_NO_POE',
    'REVOKED_NO_POE',
    'REVOKED_CA_NO_POE',
    'OUT_OF_BOUNDS_NOT_REVOKED',
    'OUT_OF_BOUNDS_NO_POE',
    'REVOCATION_OUT_OF_BOUNDS_NO_POE',
    'NO_POE',
    'TRY_LATER',
    'SIGNED_DATA_NOT_FOUND',
    'CUSTOM',
  ])
  .meta({ id: 'SubIndication', description: 'EN 319 102-1 §5.1.3, table 2; absent with PASSED and TOTAL-PASSED' });
const anyDigest = z.enum(anyDigests);
const time = z.iso.datetime().meta({ id: 'Time', description: 'ISO 8601, UTC' });
const hex = z.string().regex(/^([0-9a-f]{2})+$/);
const texts = z.array(z.string());
const optional = z.exactOptional;

const certificate = z
  .strictObject({
    subject: z.string().describe('RFC 4514'),
    issuer: z.string(),
    serialNumber: hex,
    sha256: hex.describe('fingerprint'),
    notBefore: time,
    notAfter: time,
    trustAnchor: z.boolean(),
  })
  .meta({ id: 'Certificate' });

const revocation = z
  .strictObject({
    certificate: z.string().describe('SHA-256 of the certificate'),
    status: z.enum(['good', 'revoked', 'unknown', 'not-checked']),
    source: optional(z.enum(['crl', 'ocsp'])),
    thisUpdate: optional(time),
    nextUpdate: optional(time),
    revocationTime: optional(time),
    reason: optional(z.string()),
  })
  .meta({ id: 'Revocation' });

const chain = z
  .strictObject({
    indication: blockIndication,
    subIndication: optional(subIndication),
    certificates: z.array(certificate).describe('signer first, anchor last'),
    revocation: z.array(revocation),
    errors: texts,
    warnings: texts,
  })
  .meta({ id: 'Chain' });

const timestamp = z
  .strictObject({
    kind: z.enum(['signature-timestamp', 'document-timestamp', 'archive-timestamp', 'evidence-record']),
    indication: blockIndication,
    subIndication: optional(subIndication),
    genTime: time,
    messageImprint: z.strictObject({ algorithm: anyDigest, value: hex }),
    intact: z.boolean(),
    valid: z.boolean(),
    trusted: z.boolean(),
    chain,
    errors: texts,
  })
  .meta({ id: 'Timestamp' });

const signature = z
  .strictObject({
    format: z.enum(['cades', 'pades', 'xades', 'asic-s', 'asic-e', 'jades', 'cms']),
    level: z.string(),
    indication,
    subIndication: optional(subIndication),
    intact: z.boolean().describe('the bytes are those that were signed'),
    valid: z.boolean().describe('the signature value fits the signing certificate'),
    trusted: z.boolean().describe('the certificate leads to a trust anchor and was good at bestSignatureTime'),
    signer: optional(certificate),
    signatureAlgorithm: optional(z.string()),
    digestAlgorithm: optional(anyDigest),
    signingTime: optional(time).describe('claimed'),
    bestSignatureTime: time.describe('earliest proven time'),
    scope: z.string(),
    chain,
    timestamps: z.array(timestamp),
    errors: texts,
    warnings: texts,
  })
  .meta({ id: 'Signature' });

const evidenceRecord = z
  .strictObject({
    syntax: z.enum(['RFC 4998', 'RFC 6283']),
    indication: blockIndication,
    subIndication: optional(subIndication),
    provenSince: optional(time),
    provesUntil: optional(time).describe('if nobody renews it'),
    covered: texts.describe('names of the objects it covers'),
    chains: z.array(z.strictObject({ digestAlgorithm: anyDigest, timestamps: z.array(timestamp) })),
    hashTreeRenewal: optional(z.enum(['unsorted', 'sorted'])).describe(
      'RFC 4998: how a hash-tree renewal was hashed; sorted is erratum 7411',
    ),
    errors: texts,
    warnings: texts,
  })
  .meta({ id: 'EvidenceRecord' });

const fileReport = z
  .strictObject({
    file: z.string(),
    size: optional(z.int().min(0)).describe('bytes'),
    digests: optional(z.array(z.tuple([z.enum(['sha256', 'sha384', 'sha512']), hex]))),
    indication: indication.describe('the worst of everything below; ours, not the standard’s'),
    subIndication: optional(subIndication),
    evaluation: z.boolean().describe('certificates of an evaluation authority are involved'),
    validationTime: time,
    signatures: z.array(signature),
    timestamps: z.array(timestamp),
    evidenceRecords: z.array(evidenceRecord),
    errors: texts,
  })
  .meta({ id: 'FileReport' });

/** What `verify --json` prints, nothing more and nothing less. */
export const verifyOutput = z.array(fileReport);

type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T;
type Report = z.infer<typeof fileReport>;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** The compiler says no when the schema and the type of the reports differ. */
export const sameAsTheType: Same<Report, Writable<FileReport>> = true;

/** The published schema: it permits further fields, since later versions may add some. */
export function verifySchema(): string {
  const schema = z.toJSONSchema(verifyOutput, {
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties;
    },
  });
  const { $schema, ...rest } = schema;
  const title = 'Output of “sealtree verify --json”';
  return `${JSON.stringify({ $schema, title, description: 'Made by test/docs/verify-schema.ts. Versions may add fields.', ...rest }, null, 2)}\n`;
}

if (process.argv[1] === new URL(import.meta.url).pathname) writeFileSync(schemaPath, verifySchema());
