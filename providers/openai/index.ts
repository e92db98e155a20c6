import type {
  ModelRequest,
  OutputSupport,
  Provider,
  ProviderCall,
  Reply,
  Stream,
  StreamChunk,
} from '../../src/index.ts';
import { rememberLast, wireStream } from '../wire/index.ts';
import type { ResponseInfo } from '../wire/index.ts';
import { ChatDecoder, chatEvents } from './chat/reply/decoder.ts';
import { CHAT_WIRE } from './chat/request/messages.ts';
import { chatRequest } from './chat/request/request.ts';
import { connect, secretsOf } from './connection.ts';
import { modelTraits } from './server/model-traits.ts';
import { outputSupport } from './server/output-support.ts';
import { openaiSettings } from './options.ts';
import type { OpenAIOptions } from './options.ts';
import { ResponsesDecoder } from './responses/reply/decoder.ts';
import { responsesEvents } from './responses/reply/failure.ts';
import { RESPONSES_WIRE } from './responses/request/input.ts';
import { responsesRequest } from './responses/request/request.ts';
import { requestContext } from './shared/request-context.ts';

export type { CommonOptions, Http2Options, Limits, SdkCallOptions } from '../wire/index.ts';
export { DEFAULT_MODEL } from './options.ts';
export type { OpenAIOptions } from './options.ts';
export { PRESETS, presetNames } from './server/presets.ts';
export type { Preset, PresetName } from './server/presets.ts';
export type { OpenAICallOptions, OpenAIClient, OpenAIEndpoint } from './client.ts';

/**
 * OpenAI and every compatible server (Ollama, vLLM, LM Studio, Groq, DeepSeek, OpenRouter, ...), over Chat Completions or
 * Responses. Requests go through the official SDK, which neither retries nor logs here.
 *
 * A part of a request that cannot be sent is a warning or, with `strict`, an `invalid_request` error before anything is
 * sent. The fields of `providerOptions[name]` replace those of the body; objects are merged key by key, `tools` and
 * `include` are joined. Those of `providerOptions['openai.chat']` and `['openai.responses']` are for one of the two APIs. `close()`, or the end of an `await using` scope, frees its connections; a `client` of your own is closed only
 * with `own: true`. Throws `invalid_options` with all problems at once.
 *
 * @example
 * openai({ model: 'gpt-6-luna' });
 * openai({ preset: 'groq', model: 'openai/gpt-oss-120b' });
 * openai({ name: 'my-server', baseURL: 'http://127.0.0.1:9000/v1', model: 'llama3.2' });
 */
export function openai(options: OpenAIOptions = {}): Provider & AsyncDisposable {
  const settings = openaiSettings(options);
  const { name, model, api } = settings;
  const connection = connect(settings);
  const toBody = api === 'chat' ? chatRequest : responsesRequest;
  const Wire = api === 'chat' ? ChatDecoder : ResponsesDecoder;
  const wire = api === 'chat' ? CHAT_WIRE : RESPONSES_WIRE;
  const ownSecrets = secretsOf(settings);
  const traitsOf = rememberLast((asked) => modelTraits(settings, wire, asked));

  function stream(request: ModelRequest, call: ProviderCall): Stream<StreamChunk, Reply> {
    const raw: { request: unknown } | undefined = request.parameters.includeRaw ? { request: {} } : undefined;
    const { origin, thinkTags, thinkingBack } = traitsOf(request.model ?? model);
    return wireStream({
      provider: name,
      call,
      limits: settings.limits,
      // Read again for each call only with a client, which may renew its token.
      secrets: settings.client === undefined ? ownSecrets : secretsOf(settings),
      raw,
      async open(signal) {
        // Set before the response tells them: they are needed to bill a call that is cut early.
        call.call.provider = name;
        call.call.model ??= model;
        const body = toBody(
          requestContext({ settings, request, origin, thinkingBack }, (message) => call.warn(message)),
        );
        if (raw !== undefined) raw.request = body;
        call.call.progress = 'sent';
        return connection.send(body, signal);
      },
      decoder: (info: ResponseInfo) =>
        new Wire({ provider: name, call, limits: settings.limits, info, origin, thinkTags }),
      events: api === 'chat' ? chatEvents : responsesEvents,
    });
  }

  const close = (): Promise<void> => connection.close();
  const output = (request: ModelRequest): OutputSupport =>
    outputSupport(settings, request.model ?? model, request);
  return { name, model, server: settings.server, stream, output, close, [Symbol.asyncDispose]: close };
}
