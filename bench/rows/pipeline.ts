import { pipeline } from '../pipeline.ts';

export default async function row(): Promise<void> {
  await pipeline('pipeline', 'rsa2048', 0.25);
}
