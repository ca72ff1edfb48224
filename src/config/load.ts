import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument, type Document, type YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { SealError } from '../errors.ts';
import type { Config } from '../model/config.ts';
import { resolveConfig } from './resolve.ts';
import { fileSchema } from './schema.ts';
import { syntaxWords } from './syntax-words.ts';

const maxBytes = 4 * 2 ** 20;

/** One thing that is wrong in the file, with its place (1-based). */
export interface ConfigProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}

/** Where a configuration is looked for: `--config`, then ./roots.yaml, then /etc/sealtree/roots.yaml. */
export function findConfig(given: string | undefined, directory: string = process.cwd()): string {
  if (given !== undefined) return resolve(directory, given);
  const places = [resolve(directory, 'roots.yaml'), '/etc/sealtree/roots.yaml'];
  const found = places.find((place) => existsSync(place));
  if (found === undefined) {
    throw new SealError('SEAL-CONFIG-MISSING', `no configuration: neither ${places.join(' nor ')} exists`, {
      hint: 'create one with “sealtree init”, or name it with --config FILE',
    });
  }
  return found;
}

/**
 * Reads and checks a configuration file.
 * @throws SealError SEAL-CONFIG-MISSING, or SEAL-CONFIG-INVALID with every problem in the message, each with line and column
 */
export function loadConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SealError('SEAL-CONFIG-MISSING', `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      where: path,
      cause,
      hint: 'create one with “sealtree init”, or name another with --config FILE',
    });
  }
  return parseConfig(text, path);
}

/** The configuration in `text`; `path` names the file in messages and is what relative paths start from. */
export function parseConfig(text: string, path: string): Config {
  if (text.length > maxBytes) throw invalid(path, [{ path: [], message: `the file is larger than ${maxBytes} bytes` }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true, version: '1.2' });
  if (document.errors.length > 0) throw invalid(path, syntaxProblems(document.errors, lines));
  const parsed = fileSchema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!parsed.success)
    throw invalid(
      path,
      flatten(parsed.error.issues).map((problem) => locate(document, lines, problem)),
    );
  const problems: ConfigProblem[] = [];
  const config = resolveConfig(parsed.data, path, (at, message) => problems.push({ path: at, message }));
  if (problems.length > 0)
    throw invalid(
      path,
      problems.map((problem) => locate(document, lines, problem)),
    );
  return config;
}

/** What is not YAML. Broken text makes everything after it look wrong: the first problem is told; each key that stands twice is one of its own. */
function syntaxProblems(errors: readonly Pick<YAMLParseError, 'code' | 'message' | 'pos'>[], lines: LineCounter): ConfigProblem[] {
  const broken = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  return (broken === undefined ? errors : [broken]).map(({ code, message, pos }) => {
    const { line, col } = lines.linePos(pos[0]);
    return { path: [], message: syntaxWords(code, message), line, column: col };
  });
}

/** A union reports the branch that came nearest: the one whose problems lie deepest. */
function flatten(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[] = []): ConfigProblem[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path];
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const branches = issue.errors.map((branch) => flatten(branch, path));
      const structural = branches.filter((branch) =>
        branch.every((problem) => problem.path.length > path.length || problem.message.startsWith('unknown setting')),
      );
      const best = structural.sort((a, b) => a.length - b.length)[0];
      if (best !== undefined) return best;
    }
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n');
      return issue.keys.map((key, index) => ({ path: [...path, key].map(plain), message: messages[index] ?? issue.message }));
    }
    return [{ path: path.map(plain), message: issue.message }];
  });
}

function plain(key: PropertyKey): string | number {
  return typeof key === 'symbol' ? key.toString() : key;
}

/** Line and column of the setting, or of the nearest one above it that exists. */
function locate(document: Document, lines: LineCounter, problem: ConfigProblem): ConfigProblem {
  for (let length = problem.path.length; length >= 0; length--) {
    const offset = offsetOf(document, problem.path.slice(0, length));
    if (offset === undefined) continue;
    const { line, col } = lines.linePos(offset);
    return { ...problem, line, column: col };
  }
  return problem;
}

function offsetOf(document: Document, path: readonly (string | number)[]): number | undefined {
  const last = path.at(-1);
  if (last === undefined) return 0;
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(last));
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node: unknown = document.getIn(path, true);
  return isScalar(node) || isMap(node) ? (node.range?.[0] ?? undefined) : undefined;
}

function invalid(path: string, problems: readonly ConfigProblem[]): SealError {
  const text = problems
    .map(({ line, column, path: at, message }) => {
      const place = line === undefined ? '' : `:${line}:${column ?? 1}`;
      return `${path}${place}: ${at.length > 0 ? `${at.join('.')}: ` : ''}${message}`;
    })
    .join('\n');
  return new SealError('SEAL-CONFIG-INVALID', text, {
    where: path,
    hint: 'roots.example.yaml explains every setting; “sealtree check” tries the result',
  });
}
