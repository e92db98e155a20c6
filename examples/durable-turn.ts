// A kill and a resume. This program starts itself a second time and kills that process in the middle of its second tool. Then it sends the
// turn again: the first tool does not run again.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { sqliteStore } from 'sluice/stores/sqlite';
import { scripted } from 'sluice/testing';
import * as z from 'zod';

const key = { owner: 'acme', id: 'user-123' };
const [role, given] = process.argv.slice(2);
const folder = given ?? (await mkdtemp(join(tmpdir(), 'sluice-example-')));
const runs = join(folder, 'runs.txt');

const book = tool({
  name: 'book_room',
  description: 'Books a room',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => {
    appendFileSync(runs, 'book_room ');
    return `A room in ${city} is booked.`;
  },
});

const remind = tool({
  name: 'set_reminder',
  description: 'Sets a reminder',
  input: z.object({ text: z.string() }),
  // A service that does a thing once for each idempotencyKey makes it safe to run this again.
  idempotent: true,
  execute: async ({ text }, { idempotencyKey }) => {
    appendFileSync(runs, 'set_reminder ');
    if (role === 'first') {
      process.stdout.write('in the second tool\n');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
    return `${text}, under the key ${idempotencyKey.split('/')[0] ?? ''}`;
  },
});

// A scripted model, so that this runs without a key. It answers by what it is sent, as a real one does.
const model = scripted(
  ({ messages }) => {
    const rounds = messages.filter((message) => message.role === 'tool').length;
    if (rounds === 0) return { toolCalls: [{ name: 'book_room', arguments: { city: 'Rome' } }] };
    if (rounds === 1) return { toolCalls: [{ name: 'set_reminder', arguments: { text: 'Pack' } }] };
    return 'Your room is booked, and I will remind you to pack.';
  },
  { repeat: true },
);

const store = sqliteStore({ path: join(folder, 'sessions.db') });
await using pipeline = new Pipeline([tools([book, remind]), provider(model)], { store, own: true });

/** Sends the turn. Whoever sends it with this id again goes on with it. */
const send = () =>
  pipeline.executeWithContext(key, 'user', 'Book a room in Rome, and remind me to pack.', {
    turnId: 'message-17',
    // The session still belongs to the process that was killed. Without this, the turn waits up to 15 seconds for the lease to end.
    onBusy: 'supersede',
  });

if (role === 'first') {
  await send();
} else {
  const child = spawn(process.execPath, [import.meta.filename, 'first', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  console.log('killed, after:', readFileSync(runs, 'utf8'));

  const { response, turn } = await send();
  console.log(response.content);
  const ran = readFileSync(runs, 'utf8').split(' ');
  console.log('book_room ran:', ran.filter((name) => name === 'book_room').length);
  console.log('set_reminder ran:', ran.filter((name) => name === 'set_reminder').length);
  console.log('the model was asked here:', model.requests.length);
  console.log(
    'tokens of the whole turn:',
    turn?.usage.totalTokens,
    turn?.usage.estimated ? '(an estimate)' : '',
  );
  await rm(folder, { recursive: true });
}
