import { SealError } from '../../errors.ts';
import { joinPath } from '../../formats/names.ts';
import { readableSize } from '../../formats/sizes.ts';
import type { Config, RootConfig } from '../../model/config.ts';
import type { Effects } from '../../ports/effects.ts';
import { ownerOf } from '../../watcher/intake.ts';
import { demandUnowned, lackingPlace } from '../own-roots.ts';
import { failed, ok, tried, warning, type Finding } from './finding.ts';

type Needs = Pick<Effects, 'files' | 'random'>;

const trees = ['incoming', 'outgoing', 'failed', 'done'] as const;
/** S_ISVTX: in such a directory only the owner of an entry may rename it. */
const sticky = 0o1000;

/**
 * The data directory can be written. Without a database there is nothing yet, or its file system is not mounted: the roots tell.
 * @param hasDatabase whether it holds one
 */
export async function checkData(fx: Needs, config: Config, hasDatabase: boolean): Promise<Finding[]> {
  const { dataDir } = config;
  if (!hasDatabase) await demandUnowned({ fx, config });
  if ((await fx.files.stat(dataDir)) === undefined)
    return [warning('data', `${dataDir} does not exist yet`, '“sealtree run” makes it; if it was there before, mount its file system')];
  const written = await tryWriting(fx, 'data', dataDir);
  if (hasDatabase) return [written];
  return [
    written,
    warning('data', 'no database yet', '“sealtree run” makes it; if there was one, mount the file system of the data directory'),
  ];
}

/** All four trees, and the rename that claims a batch: from incoming to where the daemon keeps its own. */
export async function checkRoot(fx: Needs, root: RootConfig, daemonRuns: boolean): Promise<Finding[]> {
  const what = `root ${root.name}`;
  const lacking = await lackingPlace(fx, root);
  if (lacking !== undefined) return [failed(what, lacking)];
  const findings: Finding[] = [];
  for (const tree of trees) findings.push(...(await tried(`${what} ${tree}`, async () => [await checkTree(fx, root, tree, daemonRuns)])));
  if (findings.every(({ status }) => status === 'ok'))
    findings.push(...(await tried(`${what} claim`, async () => await checkClaim(fx, root))));
  if (root.keys.length === 0) findings.push(warning(what, 'keys: none, documents are archived without a signature'));
  return findings;
}

async function checkTree(fx: Needs, root: RootConfig, tree: (typeof trees)[number], daemonRuns: boolean): Promise<Finding> {
  const what = `root ${root.name} ${tree}`;
  const path = root[tree];
  const info = await fx.files.stat(path);
  if (info !== undefined) {
    const written = await tryWriting(fx, what, path);
    const { freeBytes } = await fx.files.space(path);
    if (freeBytes >= root.minFree) return written;
    return warning(what, `${path} has less free than minFree: intake pauses`, 'make room on its file system, or lower minFree of the root');
  }
  if (daemonRuns || (await ownerOf(fx, root)) !== undefined)
    return failed(
      what,
      new SealError('SEAL-ROOT-UNUSABLE', `${path} is not there`, { hint: 'mount its file system, or make the directory again' }),
    );
  return warning(what, `${path} does not exist yet`, '“sealtree run” makes it; if it was there before, mount its file system');
}

async function tryWriting({ files, random }: Needs, what: string, path: string): Promise<Finding> {
  const trial = joinPath(path, `.sealtree-check-${random.bytes(6).toString('hex')}`);
  try {
    await files.writeDurable(trial, Buffer.from('trial'));
  } finally {
    await files.remove(trial);
  }
  const { freeBytes } = await files.space(path);
  return ok(what, `${path} can be written, ${readableSize(freeBytes)} free`);
}

/** Where incoming is a file system of its own the batch stays on it. */
async function checkClaim(fx: Needs, root: RootConfig): Promise<Finding[]> {
  const what = `root ${root.name} claim`;
  const { files, random } = fx;
  const name = `.sealtree-check-${random.bytes(6).toString('hex')}`;
  const [incoming, top] = [await files.stat(root.incoming), await files.stat(root.path)];
  const apart = incoming?.device !== top?.device;
  const batch = joinPath(root.incoming, name);
  const claimed = apart ? joinPath(root.incoming, `${name}-claimed`) : joinPath(root.path, name);
  await files.makeDirectory(batch);
  try {
    await files.rename(batch, claimed);
  } finally {
    await files.remove(batch);
    await files.remove(claimed);
  }
  if (((incoming?.mode ?? 0) & sticky) !== 0)
    return [
      warning(
        what,
        `${root.incoming} is sticky (mode +t): batches of other users cannot be claimed`,
        `chmod -t ${root.incoming}; let producers write by their group`,
      ),
    ];
  return [ok(what, 'a batch can be claimed by rename')];
}
