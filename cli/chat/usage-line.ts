import type { Cost, ExecutionEnd, Usage } from '../../src/index.ts';

/** What a reply took, such as `[demo | tokens 123 in, 45 out | cost $0.0012 | first chunk 0.4 s | 1.9 s]`. */
export function usageLine(end: ExecutionEnd, model: string): string {
  const parts = [model, tokens(end.usage), money(end.cost)];
  if (end.timeToFirstChunkMs !== undefined) parts.push(`first chunk ${seconds(end.timeToFirstChunkMs)}`);
  parts.push(seconds(end.latencyMs));
  if (end.outcome === 'cancelled') parts.unshift('stopped');
  return `[${parts.join(' | ')}]`;
}

function tokens(usage: Usage): string {
  const input = `${usage.inputTokens} in${detail('cached', usage.cachedInputTokens)}`;
  const output = `${usage.outputTokens} out${detail('thinking', usage.reasoningTokens)}`;
  return `tokens ${input}, ${output}${usage.estimated === true ? ' (estimated)' : ''}`;
}

function detail(name: string, count: number): string {
  return count > 0 ? ` (${count} ${name})` : '';
}

/** An unknown cost is shown as unknown, never as a number. */
function money({ status, totalUsd }: Cost): string {
  if (status === 'unknown' || totalUsd === undefined) return 'cost unknown';
  return status === 'estimated' ? `cost about ${dollars(totalUsd)} (estimated)` : `cost ${dollars(totalUsd)}`;
}

/** Four decimal places, or as many as it takes to show two digits of a smaller sum. */
function dollars(usd: number): string {
  if (usd === 0) return '$0';
  return usd >= 0.001
    ? `$${usd.toFixed(4)}`
    : `$${usd.toFixed(Math.min(1 - Math.floor(Math.log10(usd)), 10))}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
