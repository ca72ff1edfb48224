import type { ErrorCode } from 'yaml';

/** For the mistakes that people make most: what the parser expects, as a person would say it; a function where one code stands for several. */
const words: Partial<Record<ErrorCode, string | ((message: string) => string | undefined)>> = {
  TAB_AS_INDENT: 'a tab stands before the setting: indent with spaces',
  DUPLICATE_KEY: 'this setting stands here twice: keep one of the two',
  BLOCK_AS_IMPLICIT_KEY: 'this line is indented too far, or has a second colon: put a text that holds one into quotation marks',
  MULTILINE_IMPLICIT_KEY: 'a colon with a space behind it is missing, or the next line is indented otherwise than its neighbours',
  BAD_INDENT: (message) =>
    message.startsWith('Flow')
      ? 'the [ or { that stands above is not closed'
      : 'this line is indented otherwise than its neighbours: begin them in the same column',
  MISSING_CHAR: (message) => {
    if (message.startsWith('Missing closing')) return 'a quotation mark that stands above is not closed';
    return message.startsWith('Implicit map keys') ? 'a colon with a space behind it is missing after the setting' : undefined;
  },
  BAD_SCALAR_START: (message) => `${message}: put the text into quotation marks`,
};

/** @param message of the parser, kept where nothing better is known */
export function syntaxWords(code: ErrorCode, message: string): string {
  const word = words[code];
  return (typeof word === 'function' ? word(message) : word) ?? message;
}
