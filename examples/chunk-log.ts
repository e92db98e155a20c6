// A chunk log by itself: one process writes a stream and dies, another reads it from where it was, and ends it.
// With redisLog() or postgresLog() in place of memoryLog() the two are on different machines.
import { memoryLog } from 'sluice/server/chunk-log';
import type { ChunkLog, SentChunk, StreamKey } from 'sluice/server/chunk-log';

const log: ChunkLog = memoryLog();
const key: StreamKey = { owner: 'acme', id: 'turn-1' };
const start = {
  turnId: key.id,
  session: { owner: 'acme', id: 'user-123' },
  fingerprint: 'hash of the request',
};

// The process that runs the turn owns the stream for as long as it keeps appending.
const opened = await log.open(key, start, { leaseMs: 100 });
if (opened.as !== 'owner') throw new Error('Somebody else runs this turn.');
let index = 0;
const say = (...contents: string[]): SentChunk[] =>
  contents.map((content) => ({ type: 'content', content, call: 1, index: index++ }));
await log.append(opened.held, 0, say('Rivers ', 'run '));
await log.append(opened.held, 2, say('to '));
await log.append(opened.held, 2, [{ type: 'content', content: 'to ', call: 1, index: 2 }]); // sent again: kept once

// The same request once more, on any process: it joins.
console.log('second open:', (await log.open(key, start, { leaseMs: 100 })).as);

// A reader that has one chunk, and lost its connection there.
const missed = async (after: number): Promise<string> => {
  const page = await log.read(key, { after, presentMs: 1_000 });
  const chunks = page?.entries.flatMap((entry) => entry.chunks.filter((chunk) => chunk.index >= after)) ?? [];
  return chunks.map((chunk) => (chunk.type === 'content' ? chunk.content : '')).join('');
};
console.log('missed:', await missed(1));

// A stop from any process reaches the owner with its next append.
console.log('stop:', await log.stop(key, 'stopped'));
const { stop, next } = await log.append(opened.held, 3, []);
console.log('the owner reads:', stop, 'after', next, 'chunks');

// The owner dies. When its lease is over, whoever serves a reader writes the end.
const end = { outcome: 'cancelled', reason: 'stopped', by: 'finder' } as const;
while (!(await log.settle(key, end, { graceMs: 20 }))) await new Promise((done) => setTimeout(done, 20));
console.log('end:', (await log.read(key, { after: 3 }))?.end?.reason);

// If it only seemed dead, it is refused from now on.
await log.append(opened.held, 3, say('the sea')).catch((error: unknown) => {
  if (error instanceof Error && 'code' in error) console.log('late append:', error.code);
});
await log.close();
