import { describe, expect, it } from 'vitest';

import { usageLine } from '../../cli/chat/usage-line.ts';
import { noUsage, type ExecutionEnd } from '../../src/index.ts';

function end(changes: Partial<ExecutionEnd> = {}): ExecutionEnd {
  return {
    outcome: 'completed',
    usage: { ...noUsage(), inputTokens: 123, outputTokens: 45, totalTokens: 168 },
    cost: { status: 'exact', totalUsd: 0.001_23 },
    latencyMs: 1_900,
    timeToFirstChunkMs: 412,
    ...changes,
  };
}

describe('usageLine', () => {
  it('shows the model, tokens, cost, time to the first chunk and total time', () => {
    expect(usageLine(end(), 'gpt-6')).toBe(
      '[gpt-6 | tokens 123 in, 45 out | cost $0.0012 | first chunk 0.4 s | 1.9 s]',
    );
  });

  it('shows cached tokens and thinking as parts of input and output', () => {
    const usage = { ...end().usage, cachedInputTokens: 100, reasoningTokens: 30 };
    expect(usageLine(end({ usage }), 'm')).toContain('123 in (100 cached), 45 out (30 thinking) |');
  });

  it('marks an unknown cost as unknown and an estimate as estimated', () => {
    expect(usageLine(end({ cost: { status: 'unknown' } }), 'm')).toContain('| cost unknown |');
    expect(usageLine(end({ cost: { status: 'estimated', totalUsd: 0.02 } }), 'm')).toContain(
      '| cost about $0.0200 (estimated) |',
    );
    expect(usageLine(end({ usage: { ...end().usage, estimated: true } }), 'm')).toContain(
      '45 out (estimated)',
    );
  });

  it.each([
    [0, '$0'],
    [1.5, '$1.5000'],
    [0.001, '$0.0010'],
    [0.000_12, '$0.00012'],
    [0.000_000_7, '$0.00000070'],
  ])('writes %d dollars so that two digits can be read', (totalUsd, text) => {
    expect(usageLine(end({ cost: { status: 'exact', totalUsd } }), 'm')).toContain(`| cost ${text} |`);
  });

  it('says that a reply was stopped, and leaves out the first chunk if none came', () => {
    expect(usageLine(end({ outcome: 'cancelled', timeToFirstChunkMs: undefined }), 'm')).toBe(
      '[stopped | m | tokens 123 in, 45 out | cost $0.0012 | 1.9 s]',
    );
  });
});
