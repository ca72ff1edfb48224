import * as record from './record.ts';
import * as sha2 from './sha2.ts';
import * as view from './view.ts';
import * as walk from './walk.ts';

/**
 * The script of the page: the functions of this directory as they stand here, and a call of the first one. The same text each time, so that
 * the page’s policy can name its hash and nothing else runs.
 */
export const pageScript: string = [
  "'use strict';",
  ...[sha2, record, walk, view]
    .flatMap((module) => Object.values<unknown>(module))
    .flatMap((one) => (typeof one === 'function' ? String(one) : [])),
  'const shaWords = sha2Constants();',
  'startPage(document);',
].join('\n');
