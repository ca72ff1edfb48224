import { Tag, encode, nullValue, octetString, oid, sequence, setOf } from '../../../src/formats/der.ts';
import { digestOf } from '../../../src/formats/algorithms.ts';
import { oids } from '../../../src/formats/oids.ts';
import { all, authority, document, documents, ec, forged, other, rsa, trust } from './cms-world.ts';
import { attribute, issuerAndSerial, issuerSerialOf, signingCertificateV1, signingCertificateV2 } from './forge-cms.ts';
import { collector, type Attack } from './attack.ts';

/** Signed attributes: missing, doubled, contradicting. */
export async function attributeAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('cms', trust);
  const detached = { documents };
  const failed = 'TOTAL-FAILED FORMAT_FAILURE';
  add('sound: CAdES with RSA', 'TOTAL-PASSED', await forged(), detached);
  add(
    'sound: issuerSerial beside the hash',
    'TOTAL-PASSED',
    await forged({
      attributes: (usual) => [...all(usual).slice(0, 3), signingCertificateV2(rsa.certificate, issuerSerialOf(rsa.certificate))],
    }),
    detached,
  );
  add(
    'message-digest missing',
    failed,
    await forged({ attributes: ({ contentType, signingCertificate }) => [contentType, signingCertificate] }),
    detached,
  );
  add('message-digest of another document', 'TOTAL-FAILED HASH_FAILURE', await forged({ content: other }), detached);
  add(
    'message-digest twice, the right one first',
    failed,
    await forged({ attributes: (usual) => [...all(usual), attribute(oids.messageDigest, octetString(digestOf('sha256', other)))] }),
    detached,
  );
  add(
    'message-digest with two values',
    failed,
    await forged({
      attributes: (usual) => [
        usual.contentType,
        usual.signingCertificate,
        sequence(oid(oids.messageDigest), setOf(octetString(digestOf('sha256', other)), octetString(digestOf('sha256', document)))),
      ],
    }),
    detached,
  );
  add(
    'message-digest empty',
    'TOTAL-FAILED HASH_FAILURE',
    await forged({
      attributes: (usual) => [usual.contentType, usual.signingCertificate, attribute(oids.messageDigest, octetString(Buffer.alloc(0)))],
    }),
    detached,
  );
  add('content-type missing', failed, await forged({ attributes: (usual) => all(usual).slice(1) }), detached);
  add('content-type of another type than the content', failed, await forged({ contentType: oids.tstInfo }), detached);
  add(
    'signing-certificate-v2 names another certificate',
    'INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND',
    await forged({ attributes: (usual) => [...all(usual).slice(0, 3), signingCertificateV2(ec.certificate)] }),
    detached,
  );
  add(
    'signing-certificate-v2 right, version 1 names another',
    'INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND',
    await forged({ attributes: (usual) => [...all(usual), signingCertificateV1(ec.certificate)] }),
    detached,
  );
  add(
    'signing-certificate right, issuerSerial names another',
    'INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND',
    await forged({
      attributes: (usual) => [...all(usual).slice(0, 3), signingCertificateV2(rsa.certificate, issuerSerialOf(ec.certificate))],
    }),
    detached,
  );
  add(
    'signing-certificate-v2 empty',
    failed,
    await forged({ attributes: (usual) => [...all(usual).slice(0, 3), attribute(oids.signingCertificateV2, sequence(sequence()))] }),
    detached,
  );
  add('signing-certificate missing: a plain CMS', 'TOTAL-PASSED', await forged({ attributes: (usual) => all(usual).slice(0, 3) }), {
    ...detached,
    note: 'a plain CMS need not name its certificate; the report warns and does not call it CAdES',
  });
  const twin = authority.issue({ privateKey: rsa.privateKey, subject: 'Twin', serialNumber: Buffer.from('0123456789', 'hex') });
  const swapped = { sid: issuerAndSerial(twin.certificate) };
  add(
    'certificate replaced by another one of the same key',
    'INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND',
    await forged(swapped, rsa, twin.chain),
    detached,
  );
  add(
    'the same where signing-certificate is missing',
    'TOTAL-PASSED',
    await forged({ ...swapped, attributes: (usual) => all(usual).slice(0, 3) }, rsa, twin.chain),
    { ...detached, note: 'who does not name the certificate cannot tell two of one key apart; the report warns' },
  );
  add(
    'signed attributes only among the unsigned ones',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({
      attributes: 'none',
      unsigned: () =>
        all({
          contentType: attribute(oids.contentType, oid(oids.data)),
          messageDigest: attribute(oids.messageDigest, octetString(digestOf('sha256', document))),
          signingTime: nullValue,
          signingCertificate: signingCertificateV2(rsa.certificate),
        }).filter((one) => one !== nullValue),
    }),
    detached,
  );
  const set = setOf(
    attribute(oids.contentType, oid(oids.data)),
    attribute(oids.messageDigest, octetString(digestOf('sha256', document))),
    signingCertificateV2(rsa.certificate),
  );
  add(
    'signed attributes presented as the document',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({ attributes: 'none', content: set }),
    { documents: { 'set.bin': set } },
  );
  add('no signed attributes', 'INDETERMINATE SIG_CONSTRAINTS_FAILURE', await forged({ attributes: 'none' }), detached);
  add(
    'attributes signed in another order than DER',
    'TOTAL-FAILED SIG_CRYPTO_FAILURE',
    await forged({ written: reversed, signed: reversed }),
    detached,
  );
  return attacks;
}

/** The attributes of a SET in the reverse order: BER, not DER. */
function reversed(set: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = set[1] === 0x81 ? 3 : set[1] === 0x82 ? 4 : 2; at < set.length;) {
    const first = set[at + 1] ?? 0;
    const length = first < 0x80 ? 2 + first : 3 + (set[at + 2] ?? 0);
    parts.unshift(set.subarray(at, at + length));
    at += length;
  }
  return encode(Tag.set, ...parts);
}
