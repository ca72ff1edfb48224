#!/usr/bin/env node
import { keepAlive } from '../compose.ts';
import { runCommandLine } from './program.ts';

// Whoever reads our output may stop before its end (`sealtree batch list | head`): that is no failure, and the exit status stays.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const release = keepAlive();
process.exitCode = await runCommandLine(process.argv.slice(2)).finally(release);
