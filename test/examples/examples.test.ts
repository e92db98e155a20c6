import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { root } from '../../scripts/entry-points.ts';

const run = promisify(execFile);
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.ts'));

/** A line that each example prints when it works; examples are checked in detail by the tests of what they show. */
const prints: Record<string, RegExp> = {
  'cost.ts': /\$|usd/i,
  'first-pipeline.ts': /-- stop, \d+ tokens/,
  'logging.ts': /attempt failed .*529[\s\S]*execution completed/,
  'providers.ts': /anthropic: \{"animal":"cat"\} \(stop, \d+ tokens\)\n {2}thought: Whiskers\./,
  'rate-limit.ts': /./,
  'retry.ts': /./,
  'session.ts': /user-123 -> .*Ada[\s\S]*\(partial\)[\s\S]*turns 3/,
  'shutdown.ts': /refused: shutting_down\nfinished: I was already talking\.\nproviders closed: 1/,
  'streams.ts': /line {4}"second line"[\s\S]*tee {5}true[\s\S]*partial "First line/,
  'tools.ts': /calculate\(\{"expression":"6 \* 7"\}\)\nThe tool calculate says: 42/,
  'write-a-middleware.ts': /interrupted - long enough - One two three[\s\S]*permission - No tenant\./,
};

describe('every example runs without a key', () => {
  test.each(examples)('%s', async (name) => {
    const env = { PATH: process.env['PATH'], NO_COLOR: '1' };
    const { stdout } = await run(process.execPath, [join(root, 'examples', name)], { env, timeout: 60_000 });
    expect(stdout).toMatch(prints[name] ?? /\S/);
  });
});
