// An approval over two processes: one asks, and ends while the call waits in a database; another one decides, and goes on with the turn.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pipeline, decide, isSluiceError } from 'sluice';
import type { ExecutionResult } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { sqliteStore } from 'sluice/stores/sqlite';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';
import * as z from 'zod';

const refund = tool({
  name: 'refund',
  description: 'Pays money back',
  input: z.object({ order: z.string(), amount: z.number() }),
  needsApproval: ({ amount }) => amount > 50 && { reason: 'More than 50', expiresInMs: 86_400_000 },
  execute: ({ order, amount }, { approval }) => `${amount} for ${order}, approved as ${approval?.by}`,
});

const key = { owner: 'shop-1', id: 'chat-1' };

/** The pipeline is the same in both processes. Each has the answers that its part of the conversation needs. */
function open(path: string, answers: ScriptedAnswer[]): Pipeline {
  return new Pipeline([tools([refund]), provider(scripted(answers))], {
    store: sqliteStore({ path }),
    own: true,
  });
}

function say({ outcome, reason, response }: ExecutionResult): void {
  console.log(`${role}: ${outcome}: ${reason ?? response.content}`);
}

/** The first process: the customer writes, and the model wants to pay. */
async function ask(path: string): Promise<void> {
  await using pipeline = open(path, [
    { toolCalls: [{ name: 'refund', arguments: { order: 'A7', amount: 80 } }] },
  ]);
  say(await pipeline.executeWithContext(key, 'user', 'I want my money back.', { turnId: 'message-1' }));
}

/** The second one, later, perhaps on another machine: somebody sees what waits, and clicks. */
async function answer(path: string): Promise<void> {
  await using pipeline = open(path, ['The money is on its way.']);
  const session = await pipeline.store.load(key, { last: 1, open: true });
  for (const { callId, name, arguments: given, reason } of session?.openTurn?.pending ?? []) {
    console.log(`answer: ${name} ${JSON.stringify(given)} (${reason})`);
    const click = decide({ [callId]: { approve: true } });
    say(await pipeline.executeWithContext(key, click, { turnId: 'click-1' }));
    // The same click again, for example because its response was lost: the stored result, and nothing runs twice.
    say(await pipeline.executeWithContext(key, click, { turnId: 'click-1' }));
    // Another decision about the same call comes too late.
    const late = pipeline.executeWithContext(key, decide({ [callId]: { deny: 'No.' } }), {
      turnId: 'click-2',
    });
    await late.catch((error: unknown) =>
      console.log(`answer: ${isSluiceError(error) ? error.code : String(error)}`),
    );
  }
}

/** Without arguments, the example runs both parts, each in a process of its own. */
function both(): void {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-approval-'));
  try {
    for (const part of ['ask', 'answer']) {
      const parameters = [import.meta.filename, part, join(folder, 'sessions.db')];
      const { status } = spawnSync(process.execPath, parameters, { stdio: 'inherit' });
      if (status !== 0) process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [, , role, path = ''] = process.argv;
if (role === 'ask') await ask(path);
else if (role === 'answer') await answer(path);
else both();
