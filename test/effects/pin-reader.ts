import { readPin } from '../../src/effects/pin.ts';

/** Reads a PIN as a command does and shows it: what a test may see and nobody else. */
const pin = readPin('PIN: ', process.argv[2]);
process.stdout.write(`[${pin.toString('latin1')}]`, 'latin1');
