import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';
import { entryPoints, externalPackages, publishedFolders, root } from './scripts/entry-points.ts';
import { importDirection } from './scripts/lint/import-direction.ts';

const published = publishedFolders.map((folder) => `${folder}/**/*.ts`);

const sluice = {
  rules: {
    'import-direction': importDirection({
      root,
      published: publishedFolders,
      entries: entryPoints().map(({ source }) => source),
      packages: externalPackages(),
      corePackages: ['zod', '@standard-schema/spec'],
    }),
  },
};

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.stryker-tmp/', 'bench/', 'test/package/plugin-fixture/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    rules: {
      // `typeof import('undici')` names the type of an optional peer that is loaded on demand.
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // An empty string counts as missing on many wires.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Middleware are async functions and async generators by contract, also when they have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // A generator that returns nothing lets the reply through: `Partial<Reply> | void` is part of the contract.
      '@typescript-eslint/no-invalid-void-type': 'off',
      'require-yield': 'off',
      'no-constant-condition': ['error', { checkLoops: false }],
      // A property's narrowing survives an await, so the rule calls a second look at a signal or a state needless.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A longer file says why: /* eslint-disable max-lines -- the reason */
      'max-lines': ['error', { max: 400 }],
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: published,
    plugins: { sluice, jsdoc },
    rules: {
      'sluice/import-direction': 'error',
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "ImportDeclaration[source.value='zod'][importKind='value'] > :matches(ImportSpecifier, ImportDefaultSpecifier)",
          message: "Write `import * as z from 'zod'`: a user's bundler then drops what we do not use, 70 kB.",
        },
      ],
      'jsdoc/require-jsdoc': [
        'error',
        {
          publicOnly: { esm: true },
          require: { ClassDeclaration: true, FunctionDeclaration: true },
          contexts: [
            'TSInterfaceDeclaration',
            'TSTypeAliasDeclaration',
            'ExportNamedDeclaration > VariableDeclaration',
          ],
        },
      ],
      'jsdoc/require-description': ['error', { contexts: ['any'] }],
      'jsdoc/no-types': 'error',
    },
  },
  {
    // The script of a page: it runs in a browser, and what it needs is built into it.
    files: ['server/page/app/*.ts'],
    rules: { 'sluice/import-direction': 'off' },
  },
  {
    files: ['**/*.ts'],
    ignores: ['cli/**', 'examples/**', 'scripts/**', 'test/**', '*.config.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['src/**/*.ts', 'client/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        'process',
        'Buffer',
        'setImmediate',
        'clearImmediate',
        'global',
        '__dirname',
        'require',
      ],
    },
  },
  {
    // What every runtime has.
    files: ['test/runtimes/*.js'],
    languageOptions: {
      globals: {
        AbortController: 'readonly',
        Response: 'readonly',
        console: 'readonly',
        process: 'readonly',
      },
    },
  },
  {
    files: ['test/**/*.ts', 'testing/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...['waitFor', 'waitUntil'].map((property) => ({
          ...{ object: 'vi', property },
          message: 'It gives up after a second, which is too early on a busy machine. Use expect.poll().',
        })),
      ],
      // expect(client.method).
      '@typescript-eslint/unbound-method': 'off',
      // JSON that a test has written itself, and expect.any(), which is typed so.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
    },
  },
);
