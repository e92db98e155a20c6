import type { GatewayFigures, GatewayRow } from './gateway.ts';

/** What others publish. None of it was measured here, and none on the same machine. */
const PUBLISHED = [
  '- LiteLLM, four instances of four cores at 1,170 requests/s, not streaming: 2 ms at p50, 8 at p95, 13 at p99 ([docs.litellm.ai](https://docs.litellm.ai/docs/benchmarks)).',
  '- Portkey, its hosted gateway: 20 to 40 ms ([portkey.ai](https://portkey.ai/docs)).',
  '- A third party, one request at a time on one machine, median: LiteLLM 1.91.1 4.34 ms, Portkey 1.15.2 2.37 ms, Bifrost 0.44 ms ([llm-gateway-bench](https://github.com/cuihuan/llm-gateway-bench/blob/main/data/overhead.json), July 2026).',
];

/** The section about the gateway, in Markdown. */
export function gatewaySection({ rows, cpuUsPerChunk }: GatewayFigures): string[] {
  return [
    '## As a gateway',
    '',
    '`POST /v1/chat/completions`, streaming, 20 chunks at full speed: a request to the upstream, and right after it the same one through the gateway, read to its end. The gateway checks a token, has logging, cost, retry, a rate limit and timeouts, and parses and',
    'writes every event. What it adds is the median of the differences of these pairs. The client, the gateway and the upstream share two cores.',
    '',
    '| at once | direct p50, ms | p99, ms | through the gateway p50, ms | p99, ms | added p50, ms | added p99, ms | CPU a request, ms |',
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map(rowOf),
    '',
    `A chunk costs the gateway ${cpuUsPerChunk.toFixed(1)} µs of processor time (the difference of answers of 220 and 20 chunks, each an event of its own in both directions).`,
    '',
    'Added p99 is the difference of the two p99. Published by others, elsewhere and with other loads:',
    '',
    ...PUBLISHED,
    '',
  ];
}

function rowOf({ concurrent, direct, through, added, cpuMsPerRequest }: GatewayRow): string {
  const cells = [
    direct.p50,
    direct.p99,
    through.p50,
    through.p99,
    added,
    through.p99 - direct.p99,
    cpuMsPerRequest,
  ];
  return `| ${concurrent} | ${cells.map((value) => value.toFixed(2)).join(' | ')} |`;
}
