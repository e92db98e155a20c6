// Keeps a long conversation within the model's context window: drop, summarize, fail, or a strategy of your own.
import { MemoryStore, Pipeline, SluiceError, textOf } from 'sluice';
import { provider, system } from 'sluice/middleware';
import { contextWindow } from 'sluice/middleware/context-window';
import type { ContextWindowOptions } from 'sluice/middleware/context-window';
import { scripted } from 'sluice/testing';

// A model that writes a summary if it is asked to.
const model = scripted(
  ({ messages }) =>
    messages.some((message) => textOf(message).includes('<transcript>'))
      ? 'Ada wants to travel down the Loire by boat.'
      : 'Noted.',
  { repeat: true },
);

async function chat(name: string, options: Partial<ContextWindowOptions>): Promise<void> {
  let cut = 'nothing';
  const window = contextWindow({
    maxTokens: 700,
    reserveForOutput: 100,
    strategy: 'drop-oldest',
    onCut({ counter, tokens, limit, droppedTurns, summary }) {
      cut = `${droppedTurns} turns, summary ${summary}; ${tokens} of ${limit} tokens, counted by ${counter}`;
    },
    ...options,
  });
  const store = new MemoryStore();
  await using pipeline = new Pipeline([system('You plan trips.'), window, provider(model)], { store });
  console.log(name);
  try {
    await pipeline.executeWithContext(
      'ada',
      'user',
      'My name is Ada. I want to travel down the Loire by boat.',
    );
    for (let day = 1; day <= 7; day++)
      await pipeline.executeWithContext(
        'ada',
        'user',
        `Day ${day}: ${'a town, a lock and an inn; '.repeat(16)}`,
      );
    await pipeline.executeWithContext('ada', 'user', 'Who am I?');
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    console.log(`  ${error.code}: ${error.message}`);
    return;
  }
  const sent = model.requests.at(-1)?.messages ?? [];
  console.log(`  sent: ${sent.map((message) => textOf(message).slice(0, 43)).join(' | ')}`);
  console.log(`  cut: ${cut}`);
  // The store keeps the whole conversation, whatever was sent to the model.
  console.log(`  stored: ${(await store.load('ada'))?.messages.length} messages`);
}

await chat('drop-oldest', { strategy: 'drop-oldest' });
await chat('drop-oldest, at most 6 messages', { strategy: 'drop-oldest', maxMessages: 6 });
await chat('summarize', { strategy: 'summarize' });
await chat('a strategy of your own: the first turn and the last two', {
  strategy: ({ messages, turns }) => [
    ...messages.filter(({ role }) => role === 'system'),
    ...(turns[0] ?? []),
    ...turns.slice(-2).flat(),
  ],
});
await chat('fail', { strategy: 'fail' });
