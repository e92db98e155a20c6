import { describe, expect, test } from 'vitest';
import { whyForbidden, type ImportDirectionOptions } from '../../scripts/lint/import-direction.ts';

const options: ImportDirectionOptions = {
  root: '/repository/',
  published: ['src', 'middleware', 'providers', 'server', 'client', 'cli', 'interop', 'testing'],
  entries: [
    'src/index.ts',
    'src/kit/index.ts',
    'middleware/cost.ts',
    'middleware/index.ts',
    'providers/openai/index.ts',
    'providers/anthropic/index.ts',
    'server/index.ts',
  ],
  packages: ['zod', 'p-retry', 'openai', '@anthropic-ai/sdk'],
  corePackages: ['zod'],
};

const allowed: [file: string, specifier: string][] = [
  ['src/stream.ts', './errors.ts'],
  ['src/wire/parse.ts', '../errors.ts'],
  ['src/options.ts', 'zod'],
  ['src/options.ts', './kit/option.ts'],
  ['middleware/cost.ts', '../src/index.ts'],
  ['middleware/cost.ts', '../src/kit/index.ts'],
  ['middleware/cost.ts', './prices.ts'],
  ['middleware/retry.ts', 'p-retry'],
  ['providers/openai/index.ts', '../../src/index.ts'],
  ['providers/openai/index.ts', '../wire/sse.ts'],
  ['providers/openai/chat/read.ts', '../usage.ts'],
  ['providers/anthropic/index.ts', '@anthropic-ai/sdk'],
  ['providers/anthropic/index.ts', '@anthropic-ai/sdk/core/error'],
  ['cli/main.ts', '../providers/openai/index.ts'],
  ['cli/main.ts', '../middleware/cost.ts'],
  ['interop/aisdk/blocks.ts', '../../providers/wire/index.ts'],
  ['cli/main.ts', 'node:readline/promises'],
  ['server/shop.ts', '../providers/openai/shared.ts'],
  ['testing/server.ts', 'node:http'],
  ['test/src/stream.test.ts', '../../src/stream.ts'],
  ['test/src/stream.test.ts', 'vitest'],
];

const forbidden: [file: string, specifier: string, reason: string][] = [
  ['src/pipeline.ts', '../middleware/cost.ts', 'src/ may not import other folders.'],
  ['src/pipeline.ts', '../middleware/index.ts', 'src/ may not import other folders.'],
  ['src/pipeline.ts', '../../elsewhere.ts', 'src/ may not import other folders.'],
  ['src/pipeline.ts', 'node:events', "src/ may not import Node's modules."],
  ['src/pipeline.ts', 'events', "src/ may not import Node's modules."],
  ['src/pipeline.ts', 'openai', 'The core may not import openai.'],
  ['client/index.ts', 'node:http', "client/ may not import Node's modules."],
  ['middleware/cost.ts', '../src/kit/timer.ts', 'Import the core through src/index.ts or src/kit/index.ts.'],
  ['middleware/cost.ts', '../src/errors.ts', 'Import the core through src/index.ts or src/kit/index.ts.'],
  [
    'middleware/cost.ts',
    '../providers/openai/index.ts',
    'middleware/ may only import the core and its own files.',
  ],
  [
    'middleware/cost.ts',
    'sluice',
    'sluice is neither a runtime dependency nor an optional peer of the package.',
  ],
  [
    'middleware/cost.ts',
    'vitest',
    'vitest is neither a runtime dependency nor an optional peer of the package.',
  ],
  ['middleware/cost.ts', 'fs', 'Write node:fs.'],
  [
    'providers/openai/index.ts',
    '../anthropic/usage.ts',
    'providers/anthropic/ is a separate plugin. Import its index.ts, or move the shared code out of it.',
  ],
  [
    'providers/wire/sse.ts',
    '../openai/chat/read.ts',
    'providers/openai/ is a separate plugin. Import its index.ts, or move the shared code out of it.',
  ],
  [
    'cli/main.ts',
    '../providers/openai/chat.ts',
    'providers/openai/chat.ts is not a public entry. cli/ may only import the entries of other folders.',
  ],
  [
    'middleware/cost.ts',
    '../providers/openai/shared.ts',
    'middleware/ may only import the core and its own files.',
  ],
  [
    'cli/main.ts',
    '../providers/wire/shared.ts',
    'providers/wire/shared.ts is not a public entry. cli/ may only import the entries of other folders.',
  ],
  [
    'cli/main.ts',
    '../providers/wire/index.ts',
    'providers/wire/index.ts is not a public entry. cli/ may only import the entries of other folders.',
  ],
  [
    'interop/aisdk/blocks.ts',
    '../../providers/wire/json.ts',
    'providers/wire/json.ts is not a public entry. interop/ may only import the entries of other folders.',
  ],
  [
    'providers/openai/chat.ts',
    '../anthropic/shared.ts',
    'providers/anthropic/ is a separate plugin. Import its index.ts, or move the shared code out of it.',
  ],
  [
    'testing/log/contract.ts',
    '../../server/index.ts',
    'testing/ may only import the core, its own files, and types of public entries.',
  ],
  ['cli/main.ts', '../src/pipeline.ts', 'Import the core through src/index.ts or src/kit/index.ts.'],
  [
    'cli/main.ts',
    '../test/support/clock.ts',
    'test/support/clock.ts is not a public entry. cli/ may only import the entries of other folders.',
  ],
];

describe('the import-direction rule', () => {
  test.each(allowed)('lets %s import %s', (file, specifier) => {
    expect(whyForbidden(file, specifier, options)).toBeUndefined();
  });

  test('lets testing import types of public entries, and of no other file', () => {
    const file = 'testing/log/contract.ts';
    expect(whyForbidden(file, '../../server/index.ts', options, true)).toBeUndefined();
    const why = 'testing/ may only import the core, its own files, and types of public entries.';
    expect(whyForbidden(file, '../../server/log/chunk-log.ts', options, true)).toBe(why);
    expect(whyForbidden('middleware/cost.ts', '../server/index.ts', options, true)).toBe(
      'middleware/ may only import the core and its own files.',
    );
  });

  test.each(forbidden)('forbids %s to import %s', (file, specifier, reason) => {
    expect(whyForbidden(file, specifier, options)).toBe(reason);
  });
});
