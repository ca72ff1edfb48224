/** Fields that stand at the front of a plain line or are shown by other means. */
const shown: ReadonlySet<string> = new Set(['level', 'time', 'message', 'module', 'stack']);

/**
 * A line for people out of a JSON line: `2026-11-22 06:21:29Z info  batch: batch is spooled  batch=20261122-…`; a stack below it.
 * @param line one JSON object, its texts already free of control characters
 */
export function plainLine(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown>;
  const text = (name: string): string => (typeof entry[name] === 'string' ? entry[name] : '');
  const time = `${text('time').slice(0, 19).replace('T', ' ')}Z`;
  const where = entry['module'] === undefined ? '' : `${text('module')}: `;
  const fields = Object.entries(entry)
    .filter(([name]) => !shown.has(name))
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`);
  const stack = text('stack') === '' ? '' : `\n${text('stack')}`;
  return `${time} ${text('level').padEnd(5)} ${where}${text('message')}${fields.length > 0 ? ' ' : ''}${fields.join('')}${stack}\n`;
}

function quoted(value: string): string {
  return /[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value;
}
