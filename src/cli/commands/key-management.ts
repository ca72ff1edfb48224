import { Option, type Command } from 'commander';
import { readCommandFile, writeCommandFile } from '../../compose.ts';
import { newKeyKinds, requestKeyUsages, type NewKeyKind, type RequestKeyUsage } from '../../ports/key-management.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { askPin } from './pin.ts';
import type { RsaPadding } from '../../model/algorithms.ts';
import type { Session } from '../session.ts';

interface PinOptions extends GlobalOptions {
  readonly pinFile?: string;
}

const pinFile = ['--pin-file <file>', 'read the PIN of the token from a private file, or - for standard input'] as const;
const maxBytes = 2 ** 20;

/** `key generate|csr|import` */
export function keyManagementCommands(key: Command, setExit: SetExit): void {
  action<PinOptions & { type: NewKeyKind }>(
    key
      .command('generate <name>')
      .description('make a key pair where the configuration of the key points: on its token, or in a new PKCS#12 file')
      .addOption(new Option('--type <type>', 'what to make').choices(newKeyKinds).default('p-256'))
      .option(...pinFile),
    setExit,
    async (session, [name = ''], options) => {
      const made = await session.call('key.generate', { name, kind: options.type }, await pinFor(session, name, options));
      const { terminal } = session;
      terminal.result(made);
      terminal.print(`${terminal.style('green', '✓')} ${name}: ${made.algorithm} in ${made.place}`);
      if (made.id !== undefined)
        terminal.print(`    on the token it has the id ${made.id} and the label ${made.label ?? ''}: “key: { id: '${made.id}' }”`);
      terminal.print(`    SHA-256 of the public key: ${made.publicKeySha256}`);
      terminal.print(`    next: sealtree key csr ${name} --subject 'CN=…,O=…,C=…' --out ${name}.csr`);
      return Exit.done;
    },
  );
  action<PinOptions & { subject: string; san: string[]; keyUsage: RequestKeyUsage[]; padding: RsaPadding; out?: string }>(
    key
      .command('csr <name>')
      .description('write a certification request (PKCS#10) for an authority, signed by the key')
      .requiredOption('--subject <dn>', 'as RFC 4514 writes it: CN=Seal of Example,O=Example AG,C=DE')
      .option('--san <name...>', 'further names: email:…, dns:… or uri:…', [])
      .addOption(
        new Option('--key-usage <use...>', 'what the certificate shall be for').choices(requestKeyUsages).default(['contentCommitment']),
      )
      .addOption(
        new Option('--padding <padding>', 'of the request’s own signature, for RSA keys').choices(['pkcs1', 'pss']).default('pkcs1'),
      )
      .option('--out <file>', 'a new file; default: standard output')
      .option(...pinFile),
    setExit,
    async (session, [name = ''], options) => {
      const { subject, san, keyUsage, padding, out } = options;
      const request = await session.call('key.csr', { name, subject, san, keyUsage, padding }, await pinFor(session, name, options));
      const { terminal } = session;
      if (out !== undefined) writeCommandFile(out, request.pem);
      terminal.result(request);
      if (out === undefined) terminal.print(request.pem.trimEnd());
      else terminal.print(`${terminal.style('green', '✓')} ${out}: ${request.subject}, ${request.algorithm}`);
      terminal.note(`when the certificate has come: sealtree key import ${name} --certificate FILE`);
      return Exit.done;
    },
  );
  action<PinOptions & { certificate: string[] }>(
    key
      .command('import <name>')
      .description('put the certificate that the authority sent, and its chain, to the key')
      .requiredOption('--certificate <file...>', 'PEM or DER; the certificate and its chain, in any order')
      .option(...pinFile),
    setExit,
    async (session, [name = ''], options) => {
      const files = options.certificate.map((file) => readCommandFile(file, maxBytes).toString('base64'));
      const imported = await session.call('key.import', { name, files }, await pinFor(session, name, options));
      const { terminal } = session;
      terminal.result(imported);
      terminal.print(`${terminal.style('green', '✓')} ${name}: ${imported.subject}, ends ${imported.notAfter}`);
      for (const subject of imported.stored) terminal.print(`    stored: ${subject}`);
      if (imported.stored.length === 0) terminal.print('    nothing new: all of it was there already');
      for (const warning of imported.warnings) terminal.print(`${terminal.style('yellow', '!')} ${warning}`);
      terminal.print(`    next: sealtree key test ${name}`);
      return imported.warnings.length === 0 ? Exit.done : Exit.inPart;
    },
  );
}

/** The PIN of a token, asked as `key activate` does; a key file has its passphrase in the configuration. */
async function pinFor(session: Session, name: string, options: PinOptions): Promise<Buffer | undefined> {
  if (session.config().keys[name]?.source !== 'pkcs11') return undefined;
  const key = (await session.call('key.list', {})).find((view) => view.name === name) ?? { name };
  const pin = askPin(session.terminal, key, options.pinFile, ' (empty: at the reader)');
  return pin?.length === 0 ? undefined : pin;
}
