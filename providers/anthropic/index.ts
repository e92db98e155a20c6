import type { Provider } from '../../src/index.ts';
import { originOf, rememberLast, wireStream } from '../wire/index.ts';
import { connect } from './connection.ts';
import { countTokens } from './count-tokens.ts';
import { MessagesDecoder } from './reply/decoder.ts';
import { WIRE } from './request/messages.ts';
import { anthropicSettings, type AnthropicOptions } from './options.ts';
import { outputSupport } from './request/output-support.ts';
import { wireRequest } from './request/request.ts';
import { messageEvents } from './reply/message-events.ts';

export type { AnthropicCallOptions, AnthropicClient } from './client.ts';
export type { CommonOptions, Http2Options, Limits, SdkCallOptions } from '../wire/index.ts';
export { DEFAULT_BASE_URL, DEFAULT_MODEL, type AnthropicOptions } from './options.ts';

/**
 * Anthropic's Messages API over the official SDK: Claude at Anthropic, at Bedrock or Vertex with a `client`, and servers
 * that imitate the API with a `baseURL`. Nothing is sent before the first read. Calls are not retried here.
 *
 * The fields of `providerOptions: { anthropic: { ... } }` replace those of the body, with three exceptions: `tools` (server
 * tools) are added to the tools of the request, `betas` to the header, and `output_config` is merged field by field.
 *
 * `close()`, or the end of an `await using` scope, frees its connections; a `client` is closed only with `own: true`. Throws `invalid_options`
 * with all problems at once.
 *
 * @example
 * const pipeline = new Pipeline([provider(anthropic({ model: 'claude-sonnet-5-5' }))]);
 */
export function anthropic(
  options: AnthropicOptions = {},
): Provider & Required<Pick<Provider, 'countTokens'>> & AsyncDisposable {
  const settings = anthropicSettings(options);
  const connection = connect(settings);
  const { name, limits } = settings;
  const close = (): Promise<void> => connection.close();
  const originFor = rememberLast((model) => originOf(WIRE, model, settings.baseURL));
  return {
    name,
    model: settings.model,
    server: settings.server,
    stream(request, call) {
      const raw: { request: unknown } | undefined =
        request.parameters.includeRaw === true ? { request: undefined } : undefined;
      const origin = originFor(request.model ?? settings.model);
      return wireStream({
        provider: name,
        async open(signal) {
          const { body, headers } = wireRequest(request, settings, origin, call);
          if (raw !== undefined) raw.request = body;
          call.call.progress = 'sent';
          return connection.send(body, headers, signal);
        },
        decoder: (info) => new MessagesDecoder({ provider: name, call, limits, info, origin }),
        call,
        limits,
        secrets: connection.secrets,
        raw,
        events: messageEvents,
      });
    },
    output: (request) => outputSupport(request, settings),
    countTokens: (request, { signal }) => countTokens(connection, settings, request, signal),
    close,
    [Symbol.asyncDispose]: close,
  };
}
