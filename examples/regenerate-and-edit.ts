// A chat in which answers can be regenerated and messages edited. Nothing is lost: the other branches can be selected again.
import { MemoryStore, Pipeline } from 'sluice';
import { provider } from 'sluice/middleware';
import { demo } from 'sluice/providers/demo';

const store = new MemoryStore();
await using pipeline = new Pipeline([provider(demo({ wordDelayMs: 0 }))], { store });
const key = { owner: 'acme', id: 'user-123' };

/** Prints the loaded branch. If a message has alternatives, it says which of them it is. */
async function show(title: string): Promise<void> {
  const { messages = [], ids = [] } = (await store.load(key, { ids: true })) ?? {};
  const ways = await Promise.all(
    (await pipeline.branches(key)).map(
      async ({ id }) => (await store.load(key, { leaf: id, ids: true }))?.ids ?? [],
    ),
  );
  console.log(`-- ${title}`);
  for (const [at, { role, content }] of messages.entries()) {
    const same = ways.filter((way) => way.length > at && way[at - 1] === ids[at - 1]);
    const alternatives = [...new Set(same.map((way) => way[at]))];
    const which =
      alternatives.length > 1 ? `<${alternatives.indexOf(ids[at]) + 1}/${alternatives.length}>` : '';
    console.log(role.padEnd(9), which.padEnd(5), JSON.stringify(content).slice(0, 60));
  }
}

await pipeline.executeWithContext(key, 'user', 'My name is Ada.');
await pipeline.executeWithContext(key, 'user', 'What is my name?');
await show('a chat');

for await (const chunk of pipeline.regenerate(key))
  if (chunk.type === 'done') console.log('regenerated:', chunk.result.outcome);
await show('with another answer');

const { ids: [first = ''] = [] } = (await store.load(key, { ids: true })) ?? {};
await pipeline.edit(key, first, 'My name is Grace.').text();
await pipeline.executeWithContext(key, 'user', 'What is my name?');
await show('with another beginning');

const [oldest] = await pipeline.branches(key);
if (oldest !== undefined) await pipeline.switchTo(key, oldest.id);
await show('the first branch again');
