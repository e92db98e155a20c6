/**
 * What a gateway adds: the same request of Chat Completions goes to the upstream and, right after it, through the gateway, which asks the same upstream. Each answer is read to its end and
 * checked. The client is this process, the gateway and the upstream have their own.
 */
import { Agent, request } from 'node:http';
import { API_KEY, MODEL, PROMPT } from '../contestants/reader.ts';
import { Worker } from '../harness/worker.ts';
import { median } from '../harness/statistics.ts';
import { pathOf } from '../upstream/script.ts';
import type { Script } from '../upstream/script.ts';
import { answerOf } from '../upstream/text.ts';

/** The task of a gateway's process. */
export interface GatewayTask {
  origin: string;
  script: Script;
}

/** What it tells. */
export interface GatewayState {
  port: number;
  cpuUs: number;
}

/** Times are in milliseconds. */
export interface GatewayRow {
  concurrent: number;
  requests: number;
  direct: { p50: number; p99: number };
  through: { p50: number; p99: number };
  /** The median of the differences of a request through the gateway and the direct one before it. */
  added: number;
  cpuMsPerRequest: number;
}

/** What was measured. */
export interface GatewayFigures {
  rows: GatewayRow[];
  cpuUsPerChunk: number;
}

/** Answers at full speed, one event in each write. */
const script = (chunks: number): Script => ({ chunks, perWrite: 1, paceMs: 0 });
const WARM_UP = 3_000;
const SHORT = 20;
const LONG = 220;

/** Measures the gateway with one request at a time and with ten, and what a chunk costs it. */
export async function measureGateway(origin: string): Promise<GatewayFigures> {
  const rows: GatewayRow[] = [];
  for (const concurrent of [1, 10]) rows.push(await added(origin, { concurrent, requests: 4_000 }));
  const [short, long] = [await cpuOf(origin, SHORT), await cpuOf(origin, LONG)];
  return { rows, cpuUsPerChunk: (long - short) / (LONG - SHORT) };
}

interface Size {
  concurrent: number;
  requests: number;
}

async function added(origin: string, { concurrent, requests }: Size): Promise<GatewayRow> {
  await using gateway = await Gateway.start(origin, script(SHORT));
  const direct = clientOf(`${origin}${pathOf(script(SHORT))}`, SHORT);
  const through = clientOf(gateway.origin, SHORT);
  await sideBySide(concurrent, WARM_UP, through);
  await sideBySide(concurrent, WARM_UP, direct);
  const times: { direct: number; through: number }[] = [];
  const before = await gateway.cpuUs();
  await sideBySide(concurrent, requests, async () => {
    times.push({ direct: await direct(), through: await through() });
  });
  const cpuMsPerRequest = ((await gateway.cpuUs()) - before) / 1_000 / requests;
  return {
    ...{ concurrent, requests, cpuMsPerRequest },
    direct: quantiles(times.map((pair) => pair.direct)),
    through: quantiles(times.map((pair) => pair.through)),
    added: median(times.map((pair) => pair.through - pair.direct)),
  };
}

/** The processor time of a request of so many chunks, in microseconds. */
async function cpuOf(origin: string, chunks: number): Promise<number> {
  await using gateway = await Gateway.start(origin, script(chunks));
  const through = clientOf(gateway.origin, chunks);
  await sideBySide(10, WARM_UP, through);
  const before = await gateway.cpuUs();
  await sideBySide(10, WARM_UP, through);
  return ((await gateway.cpuUs()) - before) / WARM_UP;
}

/** The process of a gateway. */
class Gateway implements AsyncDisposable {
  readonly origin: string;
  readonly #worker: Worker<GatewayState>;

  private constructor(worker: Worker<GatewayState>, port: number) {
    this.#worker = worker;
    this.origin = `http://127.0.0.1:${port}`;
  }

  static async start(origin: string, of: Script): Promise<Gateway> {
    const task: GatewayTask = { origin, script: of };
    const side = { id: 'gateway', label: 'gateway', module: 'server/gateway-worker.ts', task };
    const worker = new Worker<GatewayState>(side);
    await worker.ready();
    return new Gateway(worker, (await worker.run()).port);
  }

  async cpuUs(): Promise<number> {
    return (await this.#worker.run()).cpuUs;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#worker[Symbol.asyncDispose]();
  }
}

/** Makes one request and reads the whole answer. Resolves with how long that took, in milliseconds. */
function clientOf(base: string, chunks: number): () => Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const messages = [{ role: 'user', content: PROMPT }];
  const asked = JSON.stringify({
    model: MODEL,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(asked),
    authorization: `Bearer ${API_KEY}`,
  };
  const expected = answerOf(chunks);
  return () =>
    new Promise((resolve, reject) => {
      const sent = performance.now();
      const asking = request(
        `${base}/v1/chat/completions`,
        { method: 'POST', agent, headers },
        (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (piece: string) => (body += piece));
          response.on('error', reject);
          response.on('end', () => {
            const took = performance.now() - sent;
            if (textIn(body) === expected) resolve(took);
            else reject(new Error(`Another answer: ${response.statusCode ?? 'none'} ${body.slice(0, 300)}`));
          });
        },
      );
      asking.once('error', reject);
      asking.end(asked);
    });
}

function textIn(body: string): string {
  let text = '';
  for (const line of body.split('\n')) {
    if (!line.startsWith('data: {')) continue;
    const { choices } = JSON.parse(line.slice(6)) as { choices: { delta: { content?: string | null } }[] };
    text += choices[0]?.delta.content ?? '';
  }
  return text;
}

async function sideBySide(concurrent: number, times: number, work: () => Promise<unknown>): Promise<void> {
  let left = times;
  const each = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: concurrent }, each));
}

function quantiles(times: readonly number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  return { p50: median(sorted), p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN };
}
