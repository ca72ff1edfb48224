/**
 * The last steps of a batch. In order: `stageOutput` prepares the output beside outgoing, `releaseOutput` makes it and then its ready semaphore
 * visible, `fileOriginals` puts the originals into done/ and what failed into failed/; `failBatch` puts a whole batch there. `retireOriginals`
 * removes originals whose retention is over.
 */
export { isMounted, type Delivery, type DeliveryEffects } from './delivery.ts';
export { failBatch, fileOriginals } from './originals.ts';
export { releaseOutput } from './release.ts';
export { retireOriginals } from './retention.ts';
export { stageOutput } from './stage.ts';
