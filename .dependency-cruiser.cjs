// The house rules of ARCHITECTURE.md. A rule's comment says why it is there.
const base = '^src/(ports/|errors\\.ts|model/)';
const stage = '^src/(watcher|signer|verify|archive)/';
const adapters = '^src/(effects|store|signer/(keys|tsa))/';
const deny = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
module.exports = {
  forbidden: [
    deny('resolved', 'an import that does not resolve hides every other rule', {}, { couldNotResolve: true }),
    deny('no-dev-in-src', 'users do not install dev dependencies', { path: '^src/' }, { dependencyTypes: ['npm-dev', 'npm-no-pkg'] }),
    deny('no-cycle', 'one way through', {}, { circular: true }),
    deny('base-imports-base', 'types and interfaces know nobody', { path: base }, { path: '^src/', pathNot: base }),
    deny('formats-are-pure', 'bytes in, bytes out', { path: '^src/formats/' }, { path: '^src/', pathNot: ['^src/formats/', base] }),
    deny('formats-no-io', 'bytes in, bytes out', { path: '^src/formats/' }, { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|zlib|buffer)$' }),
    deny('pki-looks-down', 'path, revocation, trust and token checks serve signer, verify and archive alike', { path: '^src/pki/' }, { path: '^src/', pathNot: ['^src/(pki|formats)/', base] }),
    deny('authority-looks-down', 'the evaluation authority is a small trust centre of its own', { path: '^src/authority/' }, { path: '^src/', pathNot: ['^src/(authority|pki|formats)/', base] }),
    deny('workers-are-started', 'a worker thread is started by its address, never imported', { pathNot: '^src/workers/' }, { path: '^src/workers/' }),
    deny('stages-are-siblings', 'only the batch runner and the use cases join stages', { path: '^src/(watcher|signer|verify|archive)/' }, { path: stage, pathNot: '^src/$1/' }),
    deny('stages-look-down', 'data flows one way', { path: stage, pathNot: adapters }, { path: '^src/(app|batch|api|cli|config|effects|store|compose(\\.ts|/))' }),
    deny('batch-uses-stage-entries', 'the runner knows what a stage does, not how', { path: '^src/batch/' }, { path: '^src/', pathNot: ['^src/(batch/|signer/sign\\.ts|verify/(verify|release)\\.ts|archive/(append|outgoing)\\.ts|watcher/intake\\.ts|formats/)', base] }),
    deny('app-uses-entries', 'one use case, one file', { path: '^src/app/' }, { path: '^src/(effects|store|api|cli|config|compose(\\.ts|/)|signer/(keys|tsa))' }),
    deny('doors-call-use-cases', 'CLI and API do the same things', { path: '^src/(api|cli)/' }, { path: '^src/', pathNot: ['^src/(api|cli|app)/', '^src/compose(\\.ts$|/)', '^src/config/', base] }),
    deny('only-cli-calls-compose', 'one place starts the program', { pathNot: ['^src/cli/', '^src/compose/'] }, { path: '^src/compose(\\.ts$|/)' }),
    deny('only-compose-plugs-adapters', 'one visible list of adapters', { pathNot: ['^src/compose(\\.ts$|/)', '^src/workers/', adapters] }, { path: adapters }),
    deny('adapters-look-down', 'an adapter is a leaf', { path: adapters }, { path: '^src/', pathNot: ['^src/(formats|pki)/', base, adapters] }),
    deny('io-at-the-edge', 'tests can fail the n-th call', { path: '^src/', pathNot: ['^src/effects/', '^src/config/load\\.ts$', '^src/workers/', adapters] }, { path: '^(node:)?(fs|net|http|https|child_process)(/|$)' }),
    deny('pkcs11-one-room', 'native module, own process', { path: '^src/', pathNot: '^src/signer/keys/pkcs11/' }, { path: 'pkcs11js|graphene-pk11|koffi' }),
    deny('sqlite-one-room', 'one store at a time', { path: '^src/', pathNot: '^src/store/' }, { path: 'better-sqlite3' }),
  ],
  options: { tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' } },
};
