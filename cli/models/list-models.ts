import { SluiceError, isSluiceError } from '../../src/index.ts';
import { scrub } from '../../src/kit/index.ts';

/** What an endpoint says of one model. */
export interface ListedModel {
  id: string;
  /** Who made it, if the endpoint says so. */
  ownedBy?: string | undefined;
  /** How many tokens it reads at most, if the endpoint says so. */
  contextTokens?: number | undefined;
}

/** Where and how to ask. */
export interface ListOptions {
  baseURL: string;
  apiKey?: string | undefined;
  /** How long the whole answer may take. Default: 10,000. */
  timeoutMs?: number;
}

/** A list longer than this is not one of models. In millions of characters. */
const MAX_MB = 16;

/**
 * The models of an endpoint that is compatible with OpenAI's, in its own order. Source: OpenAI's API reference, "List models". Rejects with
 * a `SluiceError` if it does not answer in time, refuses, or answers something else.
 */
export async function listModels({
  baseURL,
  apiKey,
  timeoutMs = 10_000,
}: ListOptions): Promise<ListedModel[]> {
  const address = `${baseURL.replace(/\/+$/, '')}/models`;
  const secrets = apiKey === undefined ? [] : [apiKey];
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  let status: number;
  let body: string;
  try {
    const response = await fetch(address, {
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.status;
    body = await textOf(response, address);
  } catch (error) {
    if (isSluiceError(error)) throw error;
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    const why = isLate ? `gave no list within ${timeoutMs} ms` : 'cannot be reached';
    throw new SluiceError(isLate ? 'timeout' : 'network', `${hostOf(address)} ${why}.`, { cause: error });
  }
  if (status >= 300) throw refusal(address, status, body, secrets);
  const models = modelsIn(body);
  if (models !== undefined) return models;
  throw new SluiceError('protocol', `${hostOf(address)} answered something that is not a list of models.`);
}

/** The body. Rejects if it is too long. */
async function textOf(response: Response, address: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  const pieces: AsyncIterable<Uint8Array> | null = response.body;
  if (pieces === null) return text;
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MAX_MB * 1_000_000)
      throw new SluiceError('protocol', `${hostOf(address)} gave a list of more than ${MAX_MB} MB.`);
  }
  return text + decoder.decode();
}

function refusal(address: string, status: number, body: string, secrets: readonly string[]): SluiceError {
  const code =
    status === 401
      ? 'authentication'
      : status === 403
        ? 'permission'
        : status === 404
          ? 'not_found'
          : status >= 500
            ? 'server'
            : status >= 400
              ? 'invalid_request'
              : 'protocol';
  const message = scrub(messageIn(body), secrets).replace(/\s+/g, ' ').slice(0, 200);
  return new SluiceError(
    code,
    `${hostOf(address)} answered ${status}${message === '' ? '.' : `: ${message}`}`,
    { status },
  );
}

function messageIn(body: string): string {
  const value = parsed(body);
  const error = isFields(value) ? value['error'] : undefined;
  if (typeof error === 'string') return error;
  return isFields(error) && typeof error['message'] === 'string' ? error['message'] : '';
}

/** The models in a list: `{ data: [...] }` as OpenAI has it, or a plain list. */
function modelsIn(body: string): ListedModel[] | undefined {
  const value = parsed(body);
  const list: unknown = Array.isArray(value) ? value : isFields(value) ? value['data'] : undefined;
  if (!Array.isArray(list)) return undefined;
  return list.filter(isFields).flatMap(modelOf);
}

function modelOf(fields: Readonly<Record<string, unknown>>): ListedModel[] {
  const { id, owned_by: ownedBy } = fields;
  if (typeof id !== 'string' || id === '') return [];
  // The names of OpenRouter, Groq and Mistral, and of vLLM.
  const context = [
    fields['context_length'],
    fields['context_window'],
    fields['max_context_length'],
    fields['max_model_len'],
  ];
  return [
    {
      // Gemini's endpoint puts this before its names. Requests take both.
      id: id.replace(/^models\//, ''),
      ...(typeof ownedBy === 'string' && ownedBy !== '' && { ownedBy }),
      contextTokens: context.find((count) => typeof count === 'number'),
    },
  ];
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : 'The address';
}
