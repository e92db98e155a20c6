/**
 * The bench of chunk logs: what an append costs, what is stored, and how fast a stream is read. `node bench/log/main.ts` writes LOGS.md; `--quick` takes some seconds and writes nothing. It
 * runs the sources, on the services that can be reached.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChunkLog, StreamKey, StreamLease } from '../../server/chunk-log.ts';
import type { SentChunk } from '../../server/index.ts';
import { machine } from '../harness/machine.ts';
import { median } from '../harness/statistics.ts';
import { openLogs } from './logs.ts';
import type { MeasuredLog } from './logs.ts';

const where = machine();
const isQuick = process.argv.includes('--quick');
const OWNER = 'bench';
const LEASE_MS = 60_000;
const WORDS = ['the ', 'river ', 'flows ', 'slowly ', 'to ', 'the ', 'sea, ', 'and '];

const chunk = (index: number): SentChunk => ({
  ...{ type: 'content', content: WORDS[index % WORDS.length] ?? '', call: 1, index },
});
const chunks = (from: number, count: number): SentChunk[] =>
  Array.from({ length: count }, (_, at) => chunk(from + at));

async function own(log: ChunkLog, id: string): Promise<StreamLease> {
  const opened = await log.open({ owner: OWNER, id }, { turnId: id }, { leaseMs: LEASE_MS });
  if (opened.as !== 'owner') throw new Error('The stream is in use.');
  return opened.held;
}

/** What some work costs for each of `count` things. */
async function costOf(
  { serviceCpu }: MeasuredLog,
  count: number,
  work: () => Promise<void>,
): Promise<{ us: number; serviceUs: number; ms: number }> {
  const service = await serviceCpu();
  const cpu = process.cpuUsage();
  const from = performance.now();
  await work();
  const ms = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  return { us: (user + system) / count, serviceUs: ((await serviceCpu()) - service) / count, ms };
}

/** One append after the other, of one chunk each. */
async function alone(measured: MeasuredLog, count: number): Promise<string[]> {
  const held = await own(measured.log, `alone ${count}`);
  const times: number[] = [];
  const { us, serviceUs } = await costOf(measured, count, async () => {
    for (let at = 0; at < count; at++) {
      const from = performance.now();
      await measured.log.append(held, at, [chunk(at)]);
      times.push(performance.now() - from);
    }
  });
  return [median(times).toFixed(2), us.toFixed(0), serviceUs.toFixed(0)];
}

/** Many streams, each of which gets a chunk every 20 ms and appends what has come, at most once in `coalesceMs`. */
async function paced(measured: MeasuredLog, coalesceMs: number): Promise<string[]> {
  const [streams, perStream] = [100, isQuick ? 50 : 200];
  const each = Math.max(1, Math.round(coalesceMs / 20));
  const held = await Promise.all(
    Array.from({ length: streams }, (_, at) => own(measured.log, `paced ${coalesceMs} ${at}`)),
  );
  const { us, serviceUs } = await costOf(measured, streams * perStream, async () => {
    await Promise.all(
      held.map(async (lease, number) => {
        await delay((number % 20) * each);
        for (let at = 0; at < perStream; at += each) {
          const next = delay(20 * each);
          await measured.log.append(lease, at, chunks(at, Math.min(each, perStream - at)));
          await next;
        }
      }),
    );
  });
  return [us.toFixed(0), serviceUs.toFixed(0)];
}

/** As many appends as possible, by 32 streams at once. */
async function flood(measured: MeasuredLog): Promise<string> {
  const [streams, each] = [32, isQuick ? 50 : 300];
  const held = await Promise.all(
    Array.from({ length: streams }, (_, at) => own(measured.log, `flood ${at}`)),
  );
  const { ms } = await costOf(measured, streams * each, async () => {
    await Promise.all(
      held.map(async (lease) => {
        for (let at = 0; at < each; at++) await measured.log.append(lease, at, [chunk(at)]);
      }),
    );
  });
  return ((streams * each * 1_000) / ms).toFixed(0);
}

/** How many bytes a chunk takes in a stream of so many appends. */
async function stored({ log, bytesOf }: MeasuredLog, appends: number, each: number): Promise<string> {
  const id = `stored-${appends}-${each}`;
  const held = await own(log, id);
  for (let at = 0; at < appends; at++) await log.append(held, at * each, chunks(at * each, each));
  const bytes = await bytesOf({ owner: OWNER, id });
  return bytes === undefined ? '' : (bytes / (appends * each)).toFixed(0);
}

/** How long it takes to read a long stream from its beginning, in milliseconds. */
async function read({ log }: MeasuredLog): Promise<string> {
  const key: StreamKey = { owner: OWNER, id: 'read' };
  const [total, each] = [isQuick ? 6_000 : 60_000, 4];
  const held = await own(log, key.id);
  for (let at = 0; at < total; at += each) await log.append(held, at, chunks(at, each));
  const from = performance.now();
  for (let after = 0; after < total;) {
    const page = await log.read(key, { after });
    const last = page?.entries.at(-1);
    if (last === undefined) throw new Error('The stream is not whole.');
    after = last.from + last.chunks.length;
  }
  return (performance.now() - from).toFixed(0);
}

const rows: string[][] = [];
for (const measured of await openLogs()) {
  const count = isQuick ? 300 : 3_000;
  await alone(measured, Math.floor(count / 3));
  rows.push([
    measured.name,
    ...(await alone(measured, count)),
    ...(await paced(measured, 0)),
    ...(await paced(measured, 60)),
    await flood(measured),
    await stored(measured, 60, 1),
    await stored(measured, 300, 1),
    await stored(measured, 100, 131),
    await read(measured),
  ]);
  await measured.close();
}
const head = [
  'log',
  'append alone, p50 ms',
  'CPU, µs',
  'service, µs',
  '100 streams, a chunk each 20 ms: CPU per chunk, µs',
  'service, µs',
  'the same, 60 ms apart: CPU per chunk, µs',
  'service, µs',
  'appends/s, 32 streams',
  'bytes per chunk, 60 appends',
  '300 appends',
  'appends of 131',
  `read ${isQuick ? '6,000' : '60,000'} chunks, ms`,
];
const table = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
const page = [
  '# What a chunk log costs',
  '',
  'Written by `node bench/log/main.ts`. Do not edit it.',
  '',
  'An append is one chunk of some letters. CPU is that of the process that appends; what the service behind it used is beside it. "100 streams": each gets a chunk every 20 ms, and',
  'appends each of them, or what came in 60 ms at once. What whole streams cost over HTTP is in [SERVER.md](SERVER.md).',
  '',
  ...where.map((line) => `- ${line}`),
  '',
  ...table,
  '',
].join('\n');
console.log(page);
if (!isQuick) writeFileSync(new URL('../LOGS.md', import.meta.url), page);
