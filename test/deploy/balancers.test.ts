import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { root } from '../../scripts/entry-points.ts';
import { createClient } from '../../client/index.ts';
import type { ClientStream } from '../../client/index.ts';
import { chatStream } from '../../testing/upstream/chat-stream.ts';
import { faultServer } from '../../testing/upstream/fault-server.ts';
import { manualGate } from '../../testing/manual-gate.ts';
import { allEvents, eventsOneByOne, restOf, serving, turn } from '../cli/serve/serving.ts';
import type { Serving } from '../cli/serve/serving.ts';
import { durableRedis } from '../support/durable-redis.ts';
import { textAt } from '../support/json.ts';
import { hasRedisServer } from '../support/redis-servers.ts';
import { BALANCERS, balancer, hasBalancer, replaced } from './balancer.ts';

const TOKEN = 'token-of-ada';
const AS_ADA = { headers: { authorization: `Bearer ${TOKEN}` } };

/** A folder with a configuration. */
async function folderWith(config: string) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'sluice-serve-'));
  await writeFile(join(folder.path, 'sluice.config.ts'), config);
  return folder;
}

/** Reads a stream to its end. Resolves to the whole text. */
async function restOfText(stream: ClientStream): Promise<string> {
  for await (const _chunk of stream);
  return stream.partial.content;
}

describe.each(BALANCERS)('two servers on one Redis behind %s', (name) => {
  const isHere = hasBalancer(name) && hasRedisServer();
  let ended: AsyncDisposableStack;
  beforeEach(() => {
    ended = new AsyncDisposableStack();
  });
  afterEach(() => ended.disposeAsync());

  /** Two processes of `sluice serve` and the balancer. */
  async function stage(
    args: readonly string[] = [],
    change?: (sample: string) => string,
    folder?: string,
  ): Promise<{ url: string; servers: [Serving, Serving] }> {
    const redis = await durableRedis();
    ended.defer(() => redis.stop());
    const environment = { REDIS_URL: redis.url, SLUICE_TOKENS: `ada=${TOKEN}` };
    const start = async (): Promise<Serving> =>
      ended.use(await serving(args, { environment, ...(folder !== undefined && { folder }) }));
    const servers: [Serving, Serving] = [await start(), await start()];
    const ports = servers.map(({ url }) => Number(new URL(url).port));
    const { url } = ended.use(await balancer(name, ports, change));
    return { url, servers };
  }

  test.skipIf(!isHere)('each event comes when the model says it, and nothing is held back', async () => {
    const upstream = ended.use(await faultServer());
    const pace = manualGate();
    upstream.enqueue({ stream: chatStream({ text: ['One', ' two', ' three'] }), gate: pace.gate });
    const { url } = await stage(['--base-url', upstream.openaiBaseURL]);
    const asking = turn(url, 'Count', {}, AS_ADA);
    // The role, and the first word.
    pace.release(2);
    const response = await asking;
    const events = eventsOneByOne(response);
    expect((await events.next()).value?.type).toBe('connected');
    expect((await events.next()).value?.data.content).toBe('One');
    pace.release(1);
    expect((await events.next()).value?.data.content).toBe(' two');
    pace.open();
    expect((await restOf(events)).map(({ type }) => type)).toEqual(['content', 'complete', 'done']);
    expect(response.headers.get('content-encoding')).toBeNull();
  });

  test.skipIf(!isHere)('a WebSocket passes, and carries a turn', async () => {
    const { url } = await stage();
    const token = `sluice.token.${Buffer.from(TOKEN).toString('base64url')}`;
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, ['sluice', token]);
    const types: string[] = [];
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('open', () => socket.send(JSON.stringify({ action: 'send_message', message: '2 + 3' })));
      socket.on('message', (data: Buffer) => {
        const type = textAt(JSON.parse(data.toString()), 'type');
        types.push(type);
        if (type === 'done') resolve();
      });
    });
    socket.close();
    expect([types[0], types.at(-2), types.at(-1)]).toEqual(['connected', 'complete', 'done']);
  });

  test.skipIf(!isHere)(
    'a client whose connection breaks comes back to any server, and has each event once',
    async () => {
      const { url, servers } = await stage();
      const leaving = new AbortController();
      const response = await turn(
        url,
        'Explain how photosynthesis works',
        {},
        { ...AS_ADA, signal: leaving.signal },
      );
      const stream = response.headers.get('x-sluice-stream') ?? '';
      const events = eventsOneByOne(response);
      const read = [(await events.next()).value, (await events.next()).value].filter(
        (one) => one !== undefined,
      );
      leaving.abort();
      const back = { headers: { ...AS_ADA.headers, 'last-event-id': read.at(-1)?.id ?? '' } };
      const [viaBalancer, ...direct] = await Promise.all(
        [url, ...servers.map((server) => server.url)].map(async (origin) =>
          allEvents(await fetch(`${origin}/api/v1/streams/${stream}`, back)),
        ),
      );
      // One of the two has not run the turn.
      for (const one of direct) expect(one.map(({ id }) => id)).toEqual(viaBalancer?.map(({ id }) => id));
      const whole = await allEvents(await fetch(`${url}/api/v1/streams/${stream}`, AS_ADA));
      expect([...read, ...(viaBalancer ?? [])].map(({ id }) => id)).toEqual(whole.map(({ id }) => id));
    },
  );

  test.skipIf(!isHere)('one server stops: its streams end whole, and no later request fails', async () => {
    await using folder = await folderWith('export default { listen: { drainDelayMs: 4_000 } };');
    const sooner = (sample: string): string =>
      name === 'nginx' ? sample : replaced(sample, 'health_interval 2s', 'health_interval 100ms');
    const { url, servers } = await stage([], sooner, folder.path);
    const client = createClient({ url, token: TOKEN });
    // One on each server.
    const reading = await Promise.all(
      ['a', 'b'].map(async (conversation) => {
        const stream = client.stream('Explain how photosynthesis works', { conversation });
        await stream.next();
        return { whole: restOfText(stream) };
      }),
    );
    const [stopped] = servers;
    let hasEnded = false;
    void stopped.cli.ended.then(() => (hasEnded = true));
    stopped.cli.process.kill('SIGTERM');
    const statuses: number[] = [];
    // Some while it drains, some while its last turn runs, and some when it is gone.
    const asks = async (): Promise<void> => {
      for (let after = 0; after < 2; after += Number(hasEnded)) {
        const response = await turn(url, 'Hello', {}, AS_ADA);
        statuses.push(response.status);
        await response.text();
      }
    };
    await Promise.all([asks(), asks(), asks()]);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    for (const { whole } of reading) expect(await whole).toContain('The oxygen that we breathe');
    expect(await stopped.cli.ended).toBe(0);
  });

  test.skipIf(!isHere)('a body may have 32 MB; more is refused, each route has its own limit', async () => {
    const upstream = ended.use(await faultServer());
    upstream.always({ stream: chatStream({ text: 'A picture.' }) });
    const { url } = await stage(['--base-url', upstream.openaiBaseURL]);
    const post = (path: string, body: string): Promise<Response> =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { ...AS_ADA.headers, 'content-type': 'application/json' },
        body,
      });
    const picture = `data:image/png;base64,${'A'.repeat(30_000_000)}`;
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: picture } },
    ];
    const asked = await post(
      '/v1/chat/completions',
      JSON.stringify({ model: 'agent', messages: [{ role: 'user', content }] }),
    );
    expect(textAt(await asked.json(), 'choices', 0, 'message', 'content')).toBe('A picture.');

    const ours = await post('/api/v1/agent/run', JSON.stringify({ input: 'x'.repeat(2_000_000) }));
    expect([ours.status, textAt(await ours.json(), 'error', 'code')]).toEqual([413, 'invalid_request']);

    const tooLarge = await post('/v1/chat/completions', 'x'.repeat(40_000_000)).then(
      ({ status }) => status,
      () => 'cut',
    );
    expect([413, 'cut']).toContain(tooLarge);
  });

  test.skipIf(!isHere)(
    'heartbeats keep a silent stream open for longer than the balancer waits',
    async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), 'sluice-serve-'));
      await writeFile(
        join(folder.path, 'sluice.config.ts'),
        'export default { server: { heartbeatMs: 200, statusWaitMs: 200 } };',
      );
      const upstream = ended.use(await faultServer());
      const pace = manualGate();
      upstream.enqueue({ stream: chatStream({ text: 'One two' }), gate: pace.gate });
      const shorter = (sample: string): string =>
        name === 'nginx'
          ? replaced(sample, 'proxy_read_timeout 60s;', 'proxy_read_timeout 4s;')
          : replaced(
              sample,
              'flush_interval -1',
              'flush_interval -1\n\t\ttransport http {\n\t\t\tread_timeout 4s\n\t\t}',
            );
      const { url } = await stage(['--base-url', upstream.openaiBaseURL], shorter, folder.path);
      const response = await turn(url, 'Count', {}, AS_ADA);
      let text = '';
      for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += piece;
        // So many take longer than the balancer waits for a byte, which is much longer than the time between two.
        if ((text.match(/^:/gm)?.length ?? 0) >= 25) pace.open();
      }
      expect(text).toContain('event: complete');
      expect(text.trimEnd().split('\n\n').at(-1)).toContain('event: done');
    },
  );
});

test('the sample for nginx keeps idle connections for a shorter time than the server does', async () => {
  const sample = await readFile(join(root, 'deploy/nginx.conf'), 'utf8');
  const seconds = Number(/keepalive_timeout (\d+)s/.exec(sample)?.[1]);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds * 1_000).toBeLessThan(65_000);
});
