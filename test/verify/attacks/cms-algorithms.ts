import { sign } from 'node:crypto';
import { context, encode, nullValue, oid, sequence } from '../../../src/formats/der.ts';
import { digestAlgorithmIdentifier } from '../../../src/formats/algorithms.ts';
import { oids } from '../../../src/formats/oids.ts';
import { attribute, pss } from './forge-cms.ts';
import { all, authority, documents, forged, rsa, trust } from './cms-world.ts';
import { collector, type Attack } from './attack.ts';

/** What the identifiers say against what was done. */
export async function algorithmAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('cms', trust);
  const detached = { documents };
  const weak = 'INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE_NO_POE';
  const key = rsa.privateKey;
  const rsaWith = (id: string, digest: string) => ({
    identifier: sequence(oid(id), nullValue),
    sign: (data: Buffer) => sign(digest, data, key),
  });
  add('sound: rsaEncryption names no digest', 'TOTAL-PASSED', await forged({ algorithm: rsaWith(oids.rsaEncryption, 'sha256') }), detached);
  add('sound: RSASSA-PSS', 'TOTAL-PASSED', await forged({ algorithm: pss(key, { digest: 'sha256', mgf: 'sha256', salt: 32 }) }), detached);
  add(
    'document hashed with MD5, signature with SHA-256',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({ digest: 'md5' }),
    detached,
  );
  add(
    'document hashed with SHA-1, signature with SHA-256',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({ digest: 'sha1' }),
    detached,
  );
  add(
    'document hashed with SHA-256, signature with SHA-1',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({ algorithm: rsaWith(oids.sha1WithRSAEncryption, 'sha1') }),
    detached,
  );
  add('SHA-1 throughout', weak, await forged({ digest: 'sha1', algorithm: rsaWith(oids.sha1WithRSAEncryption, 'sha1') }), detached);
  add('MD5 throughout, by rsaEncryption', weak, await forged({ digest: 'md5', algorithm: rsaWith(oids.rsaEncryption, 'md5') }), detached);
  add(
    'SHA-384 stated, made with SHA-256',
    'TOTAL-FAILED SIG_CRYPTO_FAILURE',
    await forged({ digest: 'sha384', algorithm: rsaWith(oids.sha384WithRSAEncryption, 'sha256') }),
    detached,
  );
  add(
    'ECDSA stated for an RSA key',
    'TOTAL-FAILED SIG_CRYPTO_FAILURE',
    await forged({ algorithm: { ...rsaWith(oids.sha256WithRSAEncryption, 'sha256'), identifier: sequence(oid(oids.ecdsaWithSHA256)) } }),
    detached,
  );
  const right = { digest: 'sha256', mgf: 'sha256', salt: 32 } as const;
  add(
    'PSS with another digest than the document',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({ algorithm: pss(key, { digest: 'sha512', mgf: 'sha512', salt: 64 }) }),
    detached,
  );
  add(
    'PSS with SHA-1 by its defaults',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({
      algorithm: { identifier: sequence(oid(oids.rsassaPss), sequence()), sign: pss(key, { digest: 'sha1', mgf: 'sha1', salt: 20 }).sign },
    }),
    detached,
  );
  add(
    'PSS states another salt length',
    'TOTAL-FAILED SIG_CRYPTO_FAILURE',
    await forged({ algorithm: pss(key, { ...right, salt: 20 }, right) }),
    detached,
  );
  add(
    'PSS states another mask digest',
    'TOTAL-FAILED SIG_CRYPTO_FAILURE',
    await forged({ algorithm: pss(key, { ...right, mgf: 'sha512' }, right) }),
    detached,
  );
  add(
    'PSS states another trailer',
    'TOTAL-FAILED SIG_CRYPTO_FAILURE',
    await forged({ algorithm: pss(key, { ...right, trailer: 2 }, right) }),
    detached,
  );
  add(
    'PSS stated, PKCS#1 made',
    'TOTAL-FAILED SIG_CRYPTO_FAILURE',
    await forged({ algorithm: { ...pss(key, right), sign: (data) => sign('sha256', data, key) } }),
    detached,
  );
  const protection = attribute(
    oids.cmsAlgorithmProtection,
    sequence(digestAlgorithmIdentifier('sha512'), encode(context(1, true), oid(oids.sha512WithRSAEncryption), nullValue)),
  );
  add(
    'cms-algorithm-protection names others',
    'INDETERMINATE SIG_CONSTRAINTS_FAILURE',
    await forged({ attributes: (usual) => [...all(usual), protection] }),
    detached,
  );
  const small = authority.issue({ keyType: 'rsa1024' as 'rsa2048', keyName: 'attacks', subject: 'Small' });
  add('RSA key of 1024 bits', weak, await forged({}, small), detached);
  return attacks;
}
