import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPem } from '../../src/formats/pem.ts';

/** A working directory in which openssl makes keys, certificates, CRLs and OCSP answers; removed by `using`. */
export class OpensslCa implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'sealtree-openssl-'));

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Runs openssl in the directory. */
  run(...args: readonly string[]): Buffer {
    return execFileSync('openssl', args, { cwd: this.directory, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  write(name: string, content: string | Buffer): string {
    writeFileSync(join(this.directory, name), content);
    return name;
  }

  read(name: string): Buffer {
    return readFileSync(join(this.directory, name));
  }

  /** DER of the first object in a PEM file. */
  der(name: string, label?: string): Buffer {
    const [first] = readPem(this.read(name), label);
    if (first === undefined) throw new Error(`${name} holds no ${label ?? 'CERTIFICATE'}`);
    return first;
  }

  /** A self-signed certificate; `keyArgs` are those of `openssl genpkey`, `sigopts` e.g. rsa_padding_mode:pss. */
  selfSigned(
    name: string,
    options: { keyArgs?: string[]; digest?: string; sigopts?: string[]; subject?: string; extensions?: string[]; config?: string } = {},
  ): Buffer {
    this.run('genpkey', ...(options.keyArgs ?? ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']), '-out', `${name}.key`);
    this.write(
      `${name}.cnf`,
      `[req]\ndistinguished_name=dn\nprompt=no\nutf8=yes\nstring_mask=utf8only\n[dn]\n${options.subject ?? `CN=${name}`}\n${options.config ?? ''}`,
    );
    const sigopts = (options.sigopts ?? []).flatMap((option) => ['-sigopt', option]);
    const extensions = (options.extensions ?? []).flatMap((extension) => ['-addext', extension]);
    const digest = options.digest === undefined ? [] : [`-${options.digest}`];
    this.run(
      'req',
      '-x509',
      '-new',
      '-key',
      `${name}.key`,
      '-config',
      `${name}.cnf`,
      '-days',
      '30',
      ...digest,
      ...sigopts,
      ...extensions,
      '-out',
      `${name}.pem`,
    );
    return this.der(`${name}.pem`);
  }

  /** A certificate issued by another one of this directory. @param extensions lines of an extension section */
  issue(name: string, issuer: string, extensions: readonly string[] = [], subject = `/CN=${name}`): Buffer {
    this.run(
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-subj',
      subject,
      '-out',
      `${name}.csr`,
    );
    this.write(`${name}.ext`, `${extensions.join('\n')}\n`);
    this.run(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${issuer}.pem`,
      '-CAkey',
      `${issuer}.key`,
      '-CAcreateserial',
      '-days',
      '30',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
    return this.der(`${name}.pem`);
  }
}
