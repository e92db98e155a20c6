import { anthropic, type AnthropicOptions } from '../../../../providers/anthropic/index.ts';
import { isSluiceError, type ModelRequest, type Provider, type SluiceError } from '../../../../src/index.ts';
import type { FaultResponse } from '../../../../testing/upstream/fault-response.ts';
import type { FaultServer } from '../../../../testing/upstream/fault-server.ts';
import { messagesStream } from '../../../../testing/upstream/messages-stream.ts';
import { ask, fakeCall, readingOf, readStream } from '../support.ts';

/** The key of all calls, which must appear nowhere. It does not look like a key, so no pattern finds it. */
export const CANARY = 'Canary.8d1f.4471';

/** A reply of two pieces. */
export const HELLO: FaultResponse = { stream: messagesStream({ text: ['Hel', 'lo'] }) };

/** A provider that talks to the server. */
export function providerOf(server: FaultServer, options: AnthropicOptions = {}): Provider {
  return anthropic({ apiKey: CANARY, baseURL: server.url, model: 'claude-haiku-4-5', ...options });
}

/** One call of the scripted server. */
export async function runOn(
  server: FaultServer,
  response: FaultResponse,
  options: AnthropicOptions = {},
  request: ModelRequest = ask('Hi'),
) {
  server.enqueue(response);
  const call = fakeCall(request);
  const provider = providerOf(server, options);
  const { chunks, reply } = await readStream(provider.stream(request, call));
  await provider.close?.();
  return { chunks, reply, call, reading: readingOf(chunks, reply) };
}

/** The error of one call, and the text that came before it. */
export async function failureOn(
  server: FaultServer,
  response: FaultResponse,
  options: AnthropicOptions = {},
): Promise<{ error: SluiceError; text: string }> {
  server.enqueue(response);
  const provider = providerOf(server, options);
  let text = '';
  try {
    for await (const chunk of provider.stream(ask('Hi'), fakeCall())) {
      if (chunk.type === 'content') text += chunk.content;
    }
  } catch (error) {
    if (isSluiceError(error)) return { error, text };
    throw error;
  } finally {
    await provider.close?.();
  }
  throw new Error('it did not fail');
}
