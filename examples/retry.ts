// A local server is busy at first and then breaks the connection. This shows what retry() does before and after the first chunk.
import { Pipeline, SluiceError } from 'sluice';
import { exponential } from 'sluice/kit';
import { provider, retry } from 'sluice/middleware';
import type { AfterContent } from 'sluice/middleware';
import { openai } from 'sluice/providers/openai';
import { chatStream, faultServer, openaiError } from 'sluice/testing';

await using server = await faultServer();
const model = openai({ model: 'any', apiKey: 'none', baseURL: server.openaiBaseURL, api: 'chat' });

async function tell(afterContent: AfterContent): Promise<void> {
  console.log(`\nafterContent: ${afterContent}`);
  const pipeline = new Pipeline([
    retry({
      maxRetries: 3,
      backoff: exponential({ initialMs: 20 }),
      afterContent,
      onRetry: ({ attempt, error, delayMs }) =>
        console.log(`\n  attempt ${attempt} failed with ${error.code}, again in ${delayMs} ms`),
    }),
    provider(model),
  ]);
  try {
    for await (const chunk of pipeline.executeStream('user', 'Tell me a story')) {
      if (chunk.type === 'content') process.stdout.write(chunk.content);
      if (chunk.type === 'reset') process.stdout.write('  (forget that)\n');
      if (chunk.type === 'done') console.log(`\n  ${JSON.stringify(chunk.result.response.content)}`);
    }
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    console.log(
      `\n  ${error.code} after ${error.attempts} attempts, with ${JSON.stringify(error.partial?.content)}`,
    );
  }
}

/** The server is busy at first. Then it sends a part of the story and breaks the connection before the fourth event. */
function scriptFaults(): void {
  server.enqueue(openaiError(429, { headers: { 'retry-after-ms': '30' } }), {
    stream: chatStream({ text: ['Once upon ', 'a time ', 'there was a frog.'] }),
    fault: { kind: 'fin', at: { event: 3 } },
    split: 'event',
  });
}

scriptFaults();
await tell('fail');

scriptFaults();
server.enqueue({ stream: chatStream({ text: ['Once there lived ', 'a toad.'] }) });
await tell('reset');

scriptFaults();
server.enqueue({ stream: chatStream({ text: ['a time ', 'there was ', 'a frog.'] }) });
await tell('continue');
