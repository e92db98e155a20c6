import { SluiceError } from '../../src/index.ts';
import { scrub } from '../../src/kit/index.ts';
import type { ToolRun } from '../tools/tool.ts';
import { UnknownOutcome } from '../tools/unknown-outcome.ts';
import { isRecord, messageOf } from '../tools/values.ts';
import { contentOf, headOf, problemOf } from './answer.ts';
import { BrokenExchange, ExchangeError, exchange } from './exchange.ts';
import type { Answer, Limits, Outgoing } from './exchange.ts';
import { checkedHeaders, headerOfKey } from './headers.ts';
import type { Fields } from './headers.ts';
import { isReading } from './options.ts';
import type { HttpMethod } from './options.ts';
import { whyRefused } from './policy.ts';
import type { Redaction } from './redaction.ts';
import { UrlTemplate, addQuery } from './template.ts';

/** What an HTTP tool is made of. */
export interface HttpSettings {
  readonly method: HttpMethod;
  readonly url: UrlTemplate | ((input: unknown) => unknown);
  readonly headers: Fields | ((run: ToolRun) => unknown);
  readonly redaction: Redaction;
  readonly limits: Limits;
  /** Whether JSON is returned as data, for a schema of the result. Otherwise it is returned as text, so that no part of it is taken for an image. */
  readonly returnsData: boolean;
}

/** Sends the request of one call, and returns what the response holds. Throws a `tool` error that says what is wrong, for the model. */
export async function callHttp(settings: HttpSettings, input: unknown, run: ToolRun): Promise<unknown> {
  const { redaction, limits, method } = settings;
  const given: unknown = JSON.parse(JSON.stringify(input) ?? 'null');
  if (!isRecord(given)) throw failure('The input is not an object.');
  const { url, body } = await targetOf(settings, given, input);
  const own = await headersOf(settings, run);
  const fixed = settings.url instanceof UrlTemplate ? [...settings.url.base.searchParams] : [];
  const secrets = redaction.secretsOf({
    fixed: [...Object.entries(own), ...fixed],
    input: Object.entries(given),
  });
  const refused = whyRefused(url, limits.policy);
  if (refused !== undefined) throw failure(`The URL cannot be requested: ${refused}.`, { secrets });
  const headers = {
    accept: 'application/json, text/*;q=0.9, image/*;q=0.8',
    'user-agent': 'sluice',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(!isReading(method) && { 'idempotency-key': headerOfKey(run.idempotencyKey) }),
    ...own,
  };
  const answer = await answerTo({ url, method, headers, body }, limits, secrets, run.signal);
  const { status } = answer;
  run.log.debug('http tool', { method, host: url.host, status, bytes: answer.body.length });
  if (status < 200 || status > 299)
    throw failure(problemOf(answer, url, redaction, secrets), { secrets, status });
  return resultOf(answer, settings, secrets);
}

async function answerTo(
  outgoing: Outgoing,
  limits: Limits,
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<Answer> {
  try {
    return await exchange(outgoing, limits, signal);
  } catch (error) {
    if (error instanceof BrokenExchange)
      throw new UnknownOutcome(scrub(error.message, secrets), { cause: error });
    if (error instanceof ExchangeError) throw failure(error.message, { secrets, cause: error });
    throw error;
  }
}

function resultOf(answer: Answer, settings: HttpSettings, secrets: readonly string[]): unknown {
  if (settings.method === 'HEAD') return headOf(answer);
  const { status } = answer;
  const content = attempt(() => contentOf(answer, settings.redaction, secrets), {
    prefix: `HTTP ${status}. `,
    status,
  });
  if ('nothing' in content) return null;
  if ('image' in content) return content.image;
  if ('text' in content) return content.text;
  return settings.returnsData ? content.data : JSON.stringify(content.data);
}

async function targetOf(
  { url, method }: HttpSettings,
  given: Record<string, unknown>,
  input: unknown,
): Promise<{ url: URL; body: string | undefined }> {
  if (!(url instanceof UrlTemplate)) {
    const made = URL.parse(String(await url(input)));
    if (made === null) throw failure('url gave no URL.');
    return { url: made, body: isReading(method) ? undefined : JSON.stringify(given) };
  }
  const filled = attempt(() => url.fill(given));
  if (isReading(method)) attempt(() => addQuery(filled.url, filled.rest));
  const hasBody = !isReading(method) && (method !== 'DELETE' || Object.keys(filled.rest).length > 0);
  return { url: filled.url, body: hasBody ? JSON.stringify(filled.rest) : undefined };
}

async function headersOf({ headers }: HttpSettings, run: ToolRun): Promise<Fields> {
  if (typeof headers !== 'function') return headers;
  const made = await headers(run);
  return attempt(() => checkedHeaders(made), { prefix: 'httpTool(): ' });
}

/** Calls a function whose error is for the model. */
function attempt<T>(call: () => T, { prefix = '', status }: { prefix?: string; status?: number } = {}): T {
  try {
    return call();
  } catch (error) {
    const said = messageOf(error);
    throw failure(`${prefix}${said.endsWith('.') ? said : `${said}.`}`, { cause: error, status });
  }
}

function failure(
  message: string,
  details: { secrets?: readonly string[]; status?: number | undefined; cause?: unknown } = {},
): SluiceError {
  const { secrets, status, cause } = details;
  return new SluiceError('tool', scrub(message, secrets), { status, cause, retryable: false });
}
