import { archiveSuite } from './store-archive.ts';
import { auditSuite } from './store-audit.ts';
import { batchSuite } from './store-batches.ts';
import { propertySuite } from './store-properties.ts';
import { signingSuite } from './store-signing.ts';
import { stackSuite } from './store-stacks.ts';
import { treeSuite } from './store-trees.ts';
import type { OpenStoreUnderTest } from './store-samples.ts';

/** What every adapter of the port `Store` promises: `describe('SQLite', () => storeSuite(open))`. */
export function storeSuite(open: OpenStoreUnderTest): void {
  batchSuite(open);
  signingSuite(open);
  stackSuite(open);
  archiveSuite(open);
  treeSuite(open);
  auditSuite(open);
  propertySuite(open);
}
