// Facts out of a text: an object with a type, which is shown while it is written, and its list, item by item.
import { OutputError, Pipeline } from 'sluice';
import { provider, retry } from 'sluice/middleware';
import { output } from 'sluice/middleware/output';
import { scripted } from 'sluice/testing';
import * as z from 'zod';

const order = z.object({
  customer: z.string().describe('Who has ordered'),
  on: z.iso.date().transform((day) => new Date(day)),
  items: z.array(z.object({ product: z.string(), count: z.int().min(1) })),
  note: z.string().default('none'),
});

// A scripted model, so that this runs without a key: put openai() or anthropic() in its place.
const answer =
  '{"customer":"Ada","on":"2026-11-30","items":[{"product":"tea","count":2},{"product":"cup","count":1}],"note":null}';
const model = scripted(
  [
    { text: answer.match(/.{1,12}/g) ?? [], batchSize: 1 },
    { text: answer.match(/.{1,12}/g) ?? [], batchSize: 1 },
    '{"customer":"Ada"}',
    answer,
    '{"customer":"Ada"}',
  ],
  { output: { dialect: 'openai', native: 'with-tools', tools: 'forced' } },
);
const pipeline = new Pipeline([output(), retry(), provider(model)]);
const mail = 'Hello! Please send me two packs of tea and a cup. Ada, November 30, 2026';

// The object as it grows.
const stream = pipeline.executeStream('user', mail, { output: order });
for await (const partial of stream.partialOutput()) console.log('so far:', JSON.stringify(partial));
const result = await stream.result;
if (result.outcome === 'completed') {
  const { customer, on, note } = result.output;
  console.log(`${customer}, in the year ${on.getUTCFullYear()}, note: ${note}`);
}

// The items of its list, each when it is complete and right.
const items = pipeline.executeStream('user', mail, { output: order }).elements('items');
for await (const { product, count } of items) console.log(`${count} x ${product}`);

// An answer that does not match is asked for once more, if it may be.
const careful = new Pipeline([output({ repair: 1 }), retry(), provider(model)]);
const repaired = await careful.execute('user', mail, { output: order });
console.log('repaired:', repaired.output?.items.length, 'items');

// Otherwise it is an error that says what is wrong.
try {
  await pipeline.execute('user', mail, { output: order });
} catch (error) {
  if (!(error instanceof OutputError)) throw error;
  console.log(`${error.code}: ${error.issues.map(({ path }) => path.join('.')).join(', ')} of ${error.text}`);
}
