import { octetString } from '../../../src/formats/der.ts';
import { sha256 } from '../../../src/formats/digests.ts';
import { appendObjects, makePdf, onePage } from '../../support/pdfs.ts';
import { authority, changed, document, failed, otherText, signer, trust } from './pdf-world.ts';
import { collector, type Attack } from './attack.ts';
import { detachedCms, signedData, signerInfo } from './forge-cms.ts';
import { signInto, signPdf } from './forge-pdf.ts';

/** The CMS inside. */
export async function contentsAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  const pkcs7 =
    (subFilter: string, type = 'Sig') =>
    (make: (content: Buffer) => Promise<Buffer>) =>
      signInto(
        (dictionary) =>
          makePdf({
            ...onePage,
            1: '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> >>',
            6: '<< /Type /Annot /Subtype /Widget /Rect [0 0 0 0] /FT /Sig /T (S) /V 7 0 R >>',
            7: dictionary,
          }),
        `/Type /${type} /Filter /Adobe.PPKLite /SubFilter /${subFilter} /M (D:20261122080000Z)`,
        make,
      );
  add(
    'sound: adbe.pkcs7.detached',
    'TOTAL-PASSED',
    await pkcs7('adbe.pkcs7.detached')((content) => detachedCms({ signer, content }, signer.chain)),
  );
  add(
    'ETSI.CAdES.detached without signing-certificate',
    changed,
    await pkcs7('ETSI.CAdES.detached')((content) =>
      detachedCms({ signer, content, attributes: (all) => [all.contentType, all.messageDigest] }, signer.chain),
    ),
  );
  const usual = (content: Buffer): Promise<Buffer> => detachedCms({ signer, content }, signer.chain);
  for (const kind of ['adbe.x509.rsa_sha1', 'adbe.pkcs7.sha1', 'Made.up'])
    add(`a detached CMS that is said to be ${kind}`, changed, await pkcs7(kind)(usual));
  const two = async (content: Buffer): Promise<Buffer> => {
    const one = await signerInfo({ signer, content });
    return signedData({ certificates: signer.chain, signers: [one, one] });
  };
  add('two signatures in one CMS', failed, await pkcs7('ETSI.CAdES.detached')(two));
  const enclosing = async (content: Buffer): Promise<Buffer> =>
    signedData({
      certificates: signer.chain,
      signers: [await signerInfo({ signer, content })],
      content: octetString(Buffer.from('other')),
    });
  add('the CMS holds another content', failed, await pkcs7('ETSI.CAdES.detached')(enclosing));
  add(
    'signed attributes missing',
    changed,
    await pkcs7('adbe.pkcs7.detached')((content) => detachedCms({ signer, content, attributes: 'none' }, signer.chain)),
  );
  const stamped = await signPdf(signer, document, authority);
  add('sound: signed and timestamped', 'TOTAL-PASSED', stamped);
  add(
    'a signature that is called a timestamp',
    'TOTAL-FAILED FORMAT_FAILURE',
    await pkcs7('ETSI.RFC3161', 'DocTimeStamp')((content) => detachedCms({ signer, content }, signer.chain)),
  );
  add(
    'a timestamp that is called a signature',
    'TOTAL-FAILED FORMAT_FAILURE',
    await pkcs7('ETSI.CAdES.detached')((content) => authority.timestamp('sha256', sha256(content))),
  );
  const dts = await pkcs7('ETSI.RFC3161', 'DocTimeStamp')((content) => authority.timestamp('sha256', sha256(content)));
  add('sound: a document timestamp alone', 'TOTAL-PASSED', dts, {
    note: 'pdfsig knows no document timestamps; pyHanko and DSS were asked about signatures',
  });
  add('a document timestamp alone, contents replaced', changed, appendObjects(dts, { 4: otherText }));
  add(
    'a document timestamp over something else',
    'TOTAL-FAILED HASH_FAILURE',
    await pkcs7('ETSI.RFC3161', 'DocTimeStamp')(() => authority.timestamp('sha256', sha256(Buffer.from('other')))),
  );
  return attacks;
}
