import type { FormatName, Level } from '../model/signature.ts';

export interface InitialConfig {
  /** HOST:PORT where the evaluation authority will answer. */
  readonly address: string;
  /** IANA name. */
  readonly timezone: string;
  /** What is signed with: one profile for each of its formats and levels. */
  readonly formats: readonly { readonly name: FormatName; readonly levels: readonly Level[] }[];
}

const what: Readonly<Record<FormatName, string>> = {
  pades: 'PDF: the signature is inside the document, NAME.pdf stays NAME.pdf',
  cades: 'any file: the signature lies beside it as NAME.p7s',
  xades: 'XML signature',
  'asic-s': 'container with one document and its signature',
  'asic-e': 'container with several documents and their signatures',
  jades: 'JSON signature',
};
const meaning: Readonly<Record<Level, string>> = {
  'B-B': 'signature',
  'B-T': 'with a timestamp over it',
  'B-LT': 'with everything needed to verify it for years',
  'B-LTA': 'with an archive timestamp',
};

/** Name of the profile for a format and level: `pades-b-t`. */
function profileName(format: FormatName, level: Level): string {
  return `${format}-${level.toLowerCase()}`;
}

/** roots.yaml as `sealtree init` writes it: every path relative to its directory, so that the whole can be moved. */
export function initialConfig({ address, timezone, formats }: InitialConfig): string {
  const names = formats.flatMap((format) => format.levels.map((level) => profileName(format.name, level)));
  const others = names.filter((name) => !name.startsWith('pades'));
  return `# Sealtree, set up by “sealtree init” for EVALUATION: certificates and timestamps come from an authority of its own and prove nothing to
# others. For real work put your own certificates into keys, your trust centre into tsas and trust, and remove the section evaluation.
# Relative paths start from the directory of this file. roots.example.yaml explains every setting; “sealtree check” tries all of this.

data: ./data # database, spool, control socket: private to the daemon

log:
  level: info # trace | debug | info | warn | error

# monitor: 127.0.0.1:9464 # /livez, /readyz and /metrics (Prometheus)

evaluation: # own CA, timestamp authority, CRLs and OCSP; the daemon serves them on loopback
  dir: ./keys/evaluation # authority.json lists its certificates; an entry with “revoked” stands in the next CRL
  listen: ${address} # this address stands in the certificates

trust:
  anchors: [./trust.pem] # signatures and timestamps must lead to one of these
  crls: [./crls]
  revocation: require # no signature leaves without revocation data
  fetch: true # CRLs and OCSP answers from the addresses inside certificates
  allowHosts: ['${address}'] # addresses on this machine are fetched only when they stand here

keys:
  evaluation-rsa: # RSA 3072
    source: pkcs12
    file: ./keys/evaluation-rsa.p12
    passphrase: { file: ./keys/evaluation.pass }
  evaluation-ec: # P-256
    source: pkcs12
    file: ./keys/evaluation-ec.p12
    passphrase: { file: ./keys/evaluation.pass }

pools:
  evaluation: [evaluation-rsa, evaluation-ec] # both sign in parallel

tsas:
  evaluation:
    url: http://${address}/tsa

profiles: # a root names one; a semaphore may choose another that the root allows
${formats.map(({ name, levels }) => `  # ${what[name]}\n${levels.map((level) => profile(name, level)).join('\n')}`).join('\n')}

roots: # put a directory with documents into incoming, then a file named APPROVED into it
  pdf:
    path: ./roots/pdf # incoming, outgoing, done, failed
    profile: ${names.includes('pades-b-t') ? 'pades-b-t' : (names[0] ?? '')}
    allowProfiles: [${names.join(', ')}]
    keys: [evaluation]
    onError: deliverRest # a document that cannot be signed goes to failed/, the others are delivered
    htmlReport: true # batch-report.html beside batch-report.json
  files:
    path: ./roots/files
    profile: ${others.includes('cades-b-t') ? 'cades-b-t' : (others[0] ?? names[0] ?? '')}
    allowProfiles: [${others.join(', ')}]
    keys: [evaluation]
    onError: failBatch # one bad document stops its batch
    htmlReport: true

archive:
  timezone: ${timezone} # a day is a local date
  closeAt: '00:15' # when the day's hash tree gets its timestamp; “sealtree archive close” does it at once
  tsas: [evaluation]
  keep: signatures # beyond hashes and proofs: none | signatures | documents
  revocationGrace: 1m # time until its revocation data is fetched again; with a real authority: 24h
`;
}

function profile(format: FormatName, level: Level): string {
  const tsas = level === 'B-B' ? '' : ', tsas: [evaluation]';
  return `  ${profileName(format, level)}: { format: ${format}, level: ${level}${tsas} } # ${meaning[level]}`;
}
