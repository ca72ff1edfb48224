import { pipeline } from '../pipeline.ts';

export default async function row(): Promise<void> {
  await pipeline('pipeline-rsa3072', 'rsa3072', 0.8);
}
