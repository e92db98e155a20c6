/**
 * Measures what executions leave to the garbage collector, in a process of its own.
 *
 * - `survivors` prints how much of the memory that an execution with five middleware allocates survives a minor collection after its end,
 *   `survivors tools` the same of one that runs a tool,
 *   `survivors together` of executions that run side by side.
 * - `tables N` prints the classes whose instances are hash tables (V8's slow form of an object) after N executions, a full collection and
 *   40 open streams.
 * - `open` prints how many bytes an open stream with five middleware holds.
 *
 * Run as `node --expose-gc --no-allocation-site-pretenuring test/performance/heap.ts survivors`, or `... tables 3`, or `... open`. Prints one line of JSON.
 */
import { getHeapSnapshot } from 'node:v8';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { askingSource, loop, source, theFive } from './five.ts';

const OPEN = 40;

const [what, word] = process.argv.slice(2);
const stack = word === 'tools' ? [loop(), provider(askingSource(20, 1))] : [provider(source(20, 1))];
const pipeline = new Pipeline([...theFive(), ...stack], { maxConcurrentExecutions: 1_000 });
const { gc } = globalThis;
if (gc === undefined) throw new Error('Run it with --expose-gc.');

/** How many executions run at a time. */
const atATime = word === 'together' ? 10 : 1;

async function executions(count: number): Promise<void> {
  const each = Array.from({ length: atATime }, () => inTurn(count / atATime));
  await Promise.all(each);
}

async function inTurn(count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    for await (const chunk of pipeline.executeStream('user', 'Go on')) {
      if (chunk.type === 'done' && chunk.result.outcome !== 'completed')
        throw new Error('The execution did not complete.');
    }
  }
}

/** Collects garbage. Waits for a turn of the event loop before and after, because each turn keeps some objects alive. */
async function collect(options?: NodeJS.GCOptions): Promise<void> {
  await new Promise(setImmediate);
  gc?.({ execution: 'sync', ...options });
  await new Promise(setImmediate);
}

async function survivors(): Promise<object> {
  await executions(3_000);
  await collect();
  await collect();
  const before = process.memoryUsage().heapUsed;
  await executions(200);
  const allocated = process.memoryUsage().heapUsed - before;
  await collect({ type: 'minor' });
  await collect({ type: 'minor' });
  return { allocated, survived: process.memoryUsage().heapUsed - before };
}

async function open(): Promise<number> {
  await executions(3_000);
  await collect();
  await collect();
  const before = process.memoryUsage().heapUsed;
  const streams = Array.from({ length: 1_000 }, () => pipeline.executeStream('user', 'Go on'));
  for (const stream of streams) await stream.next();
  await collect();
  await collect();
  const held = (process.memoryUsage().heapUsed - before) / streams.length;
  await Promise.all(streams.map((stream) => stream.close()));
  return Math.round(held);
}

interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: string[][]; edge_fields: string[] } };
  nodes: number[];
  edges: number[];
  strings: string[];
}

/** How many instances of each class store their properties in a hash table. */
async function tables(): Promise<Map<string, number>> {
  const pieces: Buffer[] = [];
  for await (const piece of getHeapSnapshot()) pieces.push(Buffer.from(piece));
  const { snapshot, nodes, edges, strings }: Snapshot = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  const { node_fields: fields, node_types: types, edge_fields: edgeFields } = snapshot.meta;
  const edgesOf = fields.indexOf('edge_count');
  const array = types[0]?.indexOf('array');
  const found = new Map<string, number>();
  let edge = 0;
  for (let node = 0; node < nodes.length; node += fields.length) {
    for (let left = nodes[node + edgesOf] ?? 0; left > 0; left--, edge += edgeFields.length) {
      const to = edges[edge + 2] ?? 0;
      if (nodes[to] !== array || strings[nodes[to + 1] ?? -1] !== '(object properties)') continue;
      const name = strings[nodes[node + 1] ?? -1] ?? '';
      found.set(name, (found.get(name) ?? 0) + 1);
    }
  }
  return found;
}

async function slowClasses(first: number): Promise<string[]> {
  await executions(first);
  await collect();
  await collect();
  const before = await tables();
  const open = Array.from({ length: OPEN }, () => pipeline.executeStream('user', 'Go on'));
  for (const stream of open) await stream.next();
  const after = await tables();
  await Promise.all(open.map((stream) => stream.close()));
  return [...after].filter(([name, count]) => count - (before.get(name) ?? 0) >= OPEN).map(([name]) => name);
}

if (what === 'survivors') console.log(JSON.stringify(await survivors()));
else if (what === 'open') console.log(await open());
else console.log(JSON.stringify(await slowClasses(Number(word))));
