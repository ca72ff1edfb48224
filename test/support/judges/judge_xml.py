"""Judges an RFC 6283 evidence record from stdin: schema, canonical forms. Argument: the directory with the jars of EU DSS."""
import glob
import io
import json
import sys
import zipfile

from lxml import etree

ERS = '{urn:ietf:params:xml:ns:ers}'


def canonical(node):
    out = io.BytesIO()
    # Parsed again: lxml loses the inherited default namespace of an element that is not the root.
    etree.ElementTree(etree.fromstring(etree.tostring(node, with_tail=False))).write_c14n(out)
    return out.getvalue().decode()


jar = zipfile.ZipFile(glob.glob(sys.argv[1] + '/specs-xmlers-*.jar')[0])
schema = etree.XMLSchema(etree.fromstring(jar.read('xsd/rfc6283_ers.xsd')))
given = sys.stdin.buffer.read()
record = etree.fromstring(given)
chains = record.findall(f'{ERS}ArchiveTimeStampSequence/{ERS}ArchiveTimeStampChain')
sequences = []
for count in range(1, len(chains) + 1):
    whole = etree.fromstring(given)
    sequence = whole.find(f'{ERS}ArchiveTimeStampSequence')
    for later in sequence.findall(f'{ERS}ArchiveTimeStampChain')[count:]:
        sequence.remove(later)
    sequences.append(canonical(sequence))
print(json.dumps({
    'valid': schema.validate(record),
    'errors': str(schema.error_log),
    'canonical': canonical(record),
    'timeStamps': [canonical(node) for node in record.iter(f'{ERS}TimeStamp')],
    'sequences': sequences,
}))
