import { SluiceError, type ModelRequest } from '../../src/index.ts';
import {
  ERROR_BODY_MS,
  count,
  isRecord,
  originOf,
  parsed,
  rawBodyOf,
  readText,
  statusError,
  toSluiceError,
} from '../wire/index.ts';
import type { Connection } from './connection.ts';
import { WIRE } from './request/messages.ts';
import type { Settings } from './options.ts';
import { wireRequest } from './request/request.ts';

/**
 * The fields of a request's body that the endpoint takes. It refuses all others.
 * Source: https://platform.claude.com/docs/en/api/messages-count-tokens
 */
const COUNTED = ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config'] as const;

/** The response is a single number. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Asks the API how many input tokens a request has. This is free, and has a rate limit of its own. */
export async function countTokens(
  connection: Connection,
  settings: Settings,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<number> {
  const { name: provider } = settings;
  const { secrets } = connection;
  // The call itself will report what cannot be sent.
  const origin = originOf(WIRE, request.model ?? settings.model, settings.baseURL);
  const { body, headers } = wireRequest(request, settings, origin, { warn: () => undefined });
  const counted = Object.fromEntries(COUNTED.filter((key) => key in body).map((key) => [key, body[key]]));
  try {
    const response = await connection.count(counted, headers, signal);
    const { status, ok } = response;
    const limits = ok ? undefined : ERROR_BODY_MS;
    const { text, failure } = await readText(rawBodyOf(response), MAX_ANSWER_BYTES, limits);
    const result = parsed(text);
    if (!ok) {
      const failed = { status, headers: response.headers, body: result ?? text };
      throw statusError(failed, { provider, secrets }, failure);
    }
    if (failure instanceof Error) throw failure;
    const tokens = isRecord(result) ? count(result['input_tokens']) : undefined;
    if (tokens !== undefined) return tokens;
    throw new SluiceError('protocol', `${provider} answered without a token count.`, { provider, status });
  } catch (error) {
    throw toSluiceError(error, provider, secrets);
  }
}
