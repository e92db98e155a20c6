// The same file runs in every runtime, against the built package and a server in another process.
import { isSluiceError, Pipeline } from 'sluice';
import { provider, retry, timeout } from 'sluice/middleware';
import { cost } from 'sluice/middleware/cost';
import { anthropic } from 'sluice/providers/anthropic';
import { demo } from 'sluice/providers/demo';
import { openai } from 'sluice/providers/openai';
import { check, resultsOf } from './check.js';

// Made where the module starts: some runtimes allow neither timers nor random numbers there.
const early = new Pipeline([retry(), timeout({ idleMs: 60_000 }), provider(demo({ wordDelayMs: 0 }))]);

/** The cases by name. `models` makes a provider of each wire. */
function casesOf(models) {
  const cases = {
    async 'demo, from a pipeline of the start'() {
      const { outcome, response } = await early.execute('user', 'Hello');
      check([outcome, response.content.length > 10], ['completed', true]);
    },
    async cost() {
      const pipeline = new Pipeline([cost(), provider(demo({ wordDelayMs: 0 }))]);
      const { cost: told } = await pipeline.execute('user', 'Hello');
      check([told.status, told.totalUsd], ['exact', 0]);
    },
  };
  for (const [name, make] of Object.entries(models)) {
    const pipeline = new Pipeline([
      retry({ backoff: () => 1 }),
      timeout({ idleMs: 60_000 }),
      provider(make()),
    ]);
    cases[`${name}, a result`] = async () => {
      const { outcome, response, usage } = await pipeline.execute('user', 'Hello');
      check([outcome, response.content, usage.inputTokens], ['completed', 'Grüße 😀 of 1 message', 12]);
    };
    cases[`${name}, a stream`] = async () => {
      let text = '';
      let count = 0;
      for await (const chunk of pipeline.executeStream('user', 'Hello')) {
        if (chunk.type !== 'content') continue;
        text += chunk.content;
        count++;
      }
      check([text, count > 2], ['Grüße 😀 of 1 message', true]);
    };
    cases[`${name}, a retry`] = async () => {
      const { response, trace } = await pipeline.execute('user', `busy ${name}`);
      check(
        [response.content, trace.filter(({ kind }) => kind === 'call').length],
        ['Grüße 😀 of 1 message', 2],
      );
    };
    cases[`${name}, an abort`] = async () => {
      const controller = new AbortController();
      const error = await (async () => {
        for await (const chunk of pipeline.executeStream('user', 'hang', { signal: controller.signal })) {
          if (chunk.type === 'content') controller.abort();
        }
      })().catch((thrown) => thrown);
      check(
        [isSluiceError(error) && error.code, error?.partial?.content.startsWith('Grüße')],
        ['aborted', true],
      );
    };
    cases[`${name}, a session in memory`] = async () => {
      const key = { owner: 'smoke', id: name };
      await pipeline.executeWithContext(key, 'user', 'First');
      const { response } = await pipeline.executeWithContext(key, 'user', 'Second');
      check(response.content, 'Grüße 😀 of 3 messages');
    };
    cases[`${name}, an error`] = async () => {
      const error = await pipeline.execute('user', 'refuse').catch((thrown) => thrown);
      check([isSluiceError(error) && error.code, error?.status], ['authentication', 401]);
    };
  }
  return cases;
}

/** Runs all cases. Resolves to what went wrong in each, or null, by its name. */
export async function smoke({ openaiBaseURL, anthropicBaseURL }) {
  return resultsOf(
    casesOf({
      'openai, chat': () => openai({ apiKey: 'none', model: 'm', baseURL: openaiBaseURL }),
      'openai, responses': () =>
        openai({ apiKey: 'none', model: 'm', api: 'responses', baseURL: openaiBaseURL }),
      anthropic: () => anthropic({ apiKey: 'none', model: 'm', baseURL: anthropicBaseURL }),
    }),
  );
}
