"""Signs a PDF with pyHanko at PAdES B-LT or B-LTA. One JSON object on standard input; file names, PEM and DER. Prints nothing."""

import json
import sys

from asn1crypto import crl
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers, timestamps
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from pyhanko.keys import load_certs_from_pemder, load_private_key_from_pemder

question = json.load(sys.stdin)


def certificates(paths):
    return list(load_certs_from_pemder(paths))


chain = certificates(question["chain"])
signer = signers.SimpleSigner(
    signing_cert=chain[0],
    signing_key=load_private_key_from_pemder(question["key"], passphrase=None),
    cert_registry=SimpleCertificateStore.from_certs(chain + certificates(question["tsaChain"])),
)
tsa_chain = certificates(question["tsaChain"])
tsa = timestamps.DummyTimeStamper(
    tsa_cert=tsa_chain[0],
    tsa_key=load_private_key_from_pemder(question["tsaKey"], passphrase=None),
    certs_to_embed=SimpleCertificateStore.from_certs(tsa_chain),
)
context = ValidationContext(
    trust_roots=certificates(question["anchors"]),
    other_certs=chain + tsa_chain,
    crls=[crl.CertificateList.load(open(path, "rb").read()) for path in question["crls"]],
    allow_fetching=False,
    revocation_mode="require",
)
metadata = signers.PdfSignatureMetadata(
    field_name="Signature1",
    md_algorithm="sha256",
    subfilter=SigSeedSubFilter.PADES,
    validation_context=context,
    embed_validation_info=True,
    use_pades_lta=question["lta"],
)
with open(question["file"], "rb") as source, open(question["out"], "wb") as out:
    signers.sign_pdf(IncrementalPdfFileWriter(source), metadata, signer=signer, timestamper=tsa, output=out)
