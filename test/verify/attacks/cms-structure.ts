import { createHash } from 'node:crypto';
import { Tag, boolean, context, encode, integer, octetString, sequence, setOf } from '../../../src/formats/der.ts';
import { digestAlgorithmIdentifier } from '../../../src/formats/algorithms.ts';
import { oids } from '../../../src/formats/oids.ts';
import { testAuthority } from '../../support/authority.ts';
import { all, authority, document, documents, ec, forged, other, rsa, trust } from './cms-world.ts';
import { attribute, issuerAndSerial, signedData, signerInfo, signingCertificateV2, usualAlgorithm } from './forge-cms.ts';
import { collector, type Attack } from './attack.ts';

/** Several signers, other contents, encodings. */
export async function structureAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('cms', trust);
  const detached = { documents };
  const good = await signerInfo({ signer: rsa, content: document });
  const second = await signerInfo({ signer: ec, content: document });
  const certificates = [...new Set([...rsa.chain, ec.certificate])];
  const broken = Buffer.from(second);
  broken[broken.length - 5] = (broken[broken.length - 5] ?? 0) ^ 1;
  const stranger = testAuthority({ name: 'Stranger' }).issue({ subject: 'Stranger' });
  const signed = (signers: readonly Buffer[], more: readonly Buffer[] = []) =>
    signedData({ certificates: [...certificates, ...more], signers });
  add('sound: two signers', 'TOTAL-PASSED', signed([good, second]), detached);
  add('two signers, the value of one is broken', 'TOTAL-FAILED SIG_CRYPTO_FAILURE', signed([good, broken]), detached);
  add(
    'two signers, one signed another document',
    'TOTAL-FAILED HASH_FAILURE',
    signed([good, await signerInfo({ signer: ec, content: other })]),
    detached,
  );
  add(
    'two signers, one unknown',
    'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND',
    signed([good, await signerInfo({ signer: stranger, content: document })], stranger.chain),
    detached,
  );
  add('no signer at all', 'INDETERMINATE SIGNED_DATA_NOT_FOUND', signed([]), detached);
  add('another document beside the signature', 'TOTAL-FAILED HASH_FAILURE', signed([good]), { documents: { 'contract.txt': other } });
  add('an empty document beside the signature', 'TOTAL-FAILED HASH_FAILURE', signed([good]), {
    documents: { 'contract.txt': Buffer.alloc(0) },
  });
  const enclosed = (content: Buffer, contentType?: string) =>
    signedData({ certificates, signers: [good], content, ...(contentType === undefined ? {} : { contentType }) });
  add('sound: the document inside', 'TOTAL-PASSED', enclosed(octetString(document)));
  const pieces = [document.subarray(0, 7), document.subarray(7)].map((piece) => octetString(piece));
  add('sound: the document inside in pieces (BER)', 'TOTAL-PASSED', enclosed(encode(Tag.octetString | 0x20, ...pieces)));
  add('pieces exchanged', 'TOTAL-FAILED HASH_FAILURE', enclosed(encode(Tag.octetString | 0x20, ...pieces.toReversed())));
  add('the document inside is another one', 'TOTAL-FAILED HASH_FAILURE', enclosed(octetString(other)));
  add('the document inside is the signed one, the one beside it is another', 'TOTAL-FAILED HASH_FAILURE', enclosed(octetString(document)), {
    documents: { 'contract.txt': other },
  });
  add(
    'the document inside is empty, the right one beside it',
    'TOTAL-FAILED HASH_FAILURE',
    enclosed(octetString(Buffer.alloc(0))),
    detached,
  );
  add('another eContentType around the same bytes', 'TOTAL-FAILED FORMAT_FAILURE', enclosed(octetString(document), oids.signedData));
  const bare = await signerInfo({ signer: rsa, content: document, attributes: 'none' });
  add(
    'no signed attributes and an eContentType that demands them',
    'TOTAL-FAILED FORMAT_FAILURE',
    signedData({ certificates, signers: [bare], content: octetString(document), contentType: oids.signedData }),
  );
  add('bytes behind the signature', 'TOTAL-FAILED FORMAT_FAILURE', Buffer.concat([signed([good]), Buffer.from('junk')]), detached);
  const counter = (value: Buffer) => [attribute(oids.countersignature, signerInfoOver(value))];
  const countersigned = await signerInfo({ signer: rsa, content: document, unsigned: counter });
  add('a countersignature that is broken', 'TOTAL-FAILED SIG_CRYPTO_FAILURE', signed([countersigned]), detached);
  const honest = await signerInfo({
    signer: rsa,
    content: document,
    unsigned: async (value) => [
      attribute(oids.countersignature, await signerInfo({ signer: ec, content: value, attributes: (usual) => all(usual).slice(1) })),
    ],
  });
  add('sound: a countersignature', 'TOTAL-PASSED', signed([honest]), detached);
  const year = 366 * 86_400_000;
  add(
    'claims a time before its certificate',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({ at: authority.now() - year }),
    detached,
  );
  return attacks;
}

/** A countersignature (RFC 5652 §11.4) whose value fits nothing. */
function signerInfoOver(value: Buffer): Buffer {
  const attributes = setOf(
    attribute(oids.messageDigest, octetString(createHash('sha256').update(value).digest())),
    signingCertificateV2(ec.certificate),
  );
  const implicit = Buffer.from(attributes);
  implicit[0] = context(0, true);
  const algorithm = usualAlgorithm(ec.privateKey);
  return sequence(
    integer(1),
    issuerAndSerial(ec.certificate),
    digestAlgorithmIdentifier('sha256'),
    implicit,
    algorithm.identifier,
    octetString(algorithm.sign(boolean(true))),
  );
}
