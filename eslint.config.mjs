import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
const clock = 'take the time from fx.clock';
export default defineConfig(
  { ignores: ['dist/', 'coverage/', '.node/', '.tools/'] },
  { files: ['{src,test,bench,demo}/**/*.ts'], extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: { '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }], '@typescript-eslint/switch-exhaustiveness-check': 'error', '@typescript-eslint/consistent-type-imports': 'error' } },
  // commander gives untyped options: the type parameter lets the command that declared them say what they are.
  { files: ['src/cli/command.ts'], rules: { '@typescript-eslint/no-unnecessary-type-parameters': 'off' } },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' }] }] } },
  { files: ['src/**/*.ts'], ignores: ['src/effects/**', 'src/workers/**', 'src/store/**', 'src/config/load.ts'],
    rules: {
      'no-restricted-globals': ['error', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'performance', 'globalThis'],
      'no-restricted-imports': ['error', { patterns: [{ regex: '^(node:)?(timers|process|perf_hooks|dns|dgram|tls|worker_threads)(/|$)', message: 'effects/ only' }] }],
      'no-restricted-syntax': ['error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: clock },
        { selector: "MemberExpression[object.name='Date'][property.name='now']", message: clock },
        { selector: "MemberExpression[object.name='process'][property.name='env']", message: 'config/load.ts only' } ] } },
);
