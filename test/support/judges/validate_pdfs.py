"""Run by pdf.ts: validates all signatures of the PDFs that stdin (JSON) names and prints one JSON array."""
import json
import logging
import sys

from asn1crypto import crl, pem
from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)


def context(question):
    crls = []
    for path in question.get("crls", []):
        with open(path, "rb") as file:
            data = file.read()
        if pem.detect(data):
            _, _, data = pem.unarmor(data)
        crls.append(crl.CertificateList.load(data))
    return ValidationContext(
        trust_roots=list(load_certs_from_pemder([question["anchors"]])),
        crls=crls,
        allow_fetching=False,
        revocation_mode="require" if crls else "soft-fail",
    )


def signature(embedded, question):
    status = validate_pdf_signature(embedded, context(question), context(question))
    stamp = status.timestamp_validity
    return {
        "field": embedded.field_name,
        "intact": status.intact,
        "valid": status.valid,
        "trusted": status.trusted,
        "bottomLine": status.bottom_line,
        "coverage": status.coverage.name,
        "timestamp": stamp.timestamp.isoformat() if stamp is not None and stamp.valid and stamp.trusted else None,
        "summary": status.summary(),
    }


def answer(path, question):
    try:
        with open(path, "rb") as file:
            reader = PdfFileReader(file, strict=True)
            if reader.encrypted:
                reader.decrypt(question.get("password", ""))
            return {"file": path, "signatures": [signature(one, question) for one in reader.embedded_signatures]}
    except Exception as error:  # whatever a damaged file provokes is the answer
        return {"file": path, "error": f"{type(error).__name__}: {error}", "signatures": []}


question = json.load(sys.stdin)
json.dump([answer(path, question) for path in question["files"]], sys.stdout)
