/**
 * `httpTool()`: a tool that sends an HTTP request. It opens sockets of Node, and so has an entry of its own.
 *
 * @module
 */
import { SluiceError } from '../src/index.ts';
import { parseOptions } from '../src/kit/index.ts';
import { callHttp } from './http-tool/call.ts';
import type { HttpSettings } from './http-tool/call.ts';
import { checkedHeaders } from './http-tool/headers.ts';
import { isReading, requestSchema } from './http-tool/options.ts';
import type { HttpRequestOptions, HttpToolOptions } from './http-tool/options.ts';
import { policyOf, whyRefused } from './http-tool/policy.ts';
import { Redaction } from './http-tool/redaction.ts';
import { UrlTemplate } from './http-tool/template.ts';
import type { InputOf, InputSchema } from './tools/schema.ts';
import { tool } from './tools/tool.ts';
import type { Tool, ToolRun } from './tools/tool.ts';
import { isRecord, messageOf } from './tools/values.ts';

export type { HttpHeaders, HttpMethod, HttpRequestOptions, HttpToolOptions } from './http-tool/options.ts';
export type { Lookup } from './http-tool/connect.ts';

const TIMEOUT_MS = 30_000;

/**
 * Makes a tool that sends an HTTP request. The model chooses only the input: the host, the method and the headers are the caller's.
 *
 * Requests go to public addresses over https, unless the options allow more, and to the host of `url` or to those of `hosts`. The address that was
 * checked is the one that is connected to. Redirects are not followed. JSON is given as data, text as text, and a PNG, JPEG, GIF or WebP as an
 * image. Everything else, and every status that is not 2xx, is an error for the model.
 *
 * Requests other than GET and HEAD have the header `Idempotency-Key`, the same for all runs of one call.
 *
 * Throws `invalid_options`.
 *
 * @example
 * const weather = httpTool({
 *   name: 'weather',
 *   description: 'The weather of a city',
 *   input: z.object({ city: z.string(), units: z.enum(['metric', 'imperial']).optional() }),
 *   url: 'https://api.example.com/cities/{city}/weather',
 *   headers: { authorization: `Bearer ${token}` },
 * });
 */
export function httpTool<S extends InputSchema>(options: HttpToolOptions<S>): Tool<InputOf<S>>;
export function httpTool(options: HttpToolOptions<InputSchema>): Tool {
  const request = parseOptions('httpTool()', requestSchema, options);
  const {
    output,
    timeoutMs = TIMEOUT_MS,
    idempotent = isReading(request.method),
    ...rest
  } = withoutRequest(options);
  const settings = settingsOf(request, output !== undefined);
  const common = {
    ...rest,
    idempotent,
    timeoutMs,
    execute: (input: unknown, run: ToolRun) => callHttp(settings, input, run),
  };
  const made = output === undefined ? tool(common) : tool({ ...common, output });
  if (settings.url instanceof UrlTemplate) checkParameters(settings.url, made);
  return { ...made, redact: settings.redaction.names };
}

function withoutRequest(
  options: HttpToolOptions<InputSchema>,
): Omit<HttpToolOptions<InputSchema>, keyof HttpRequestOptions<InputSchema>> {
  const {
    url: _url,
    method: _method,
    headers: _headers,
    redact: _redact,
    hosts: _hosts,
    allowHttp: _allowHttp,
    allowAddresses: _allowAddresses,
    maxResponseBytes: _maxResponseBytes,
    lookup: _lookup,
    ...rest
  } = options;
  return rest;
}

type Request = ReturnType<typeof requestSchema.parse>;

function settingsOf(request: Request, returnsData: boolean): HttpSettings {
  const { headers, method, lookup, maxResponseBytes, redact } = request;
  const url = typeof request.url === 'function' ? request.url : templateOf(request.url);
  const own = url instanceof UrlTemplate ? url.base : undefined;
  if (own === undefined && request.hosts === undefined)
    throw invalid('url is a function: say in hosts which hosts it may give');
  const policy = policyOf(request, own);
  const refused = own && whyRefused(own, policy);
  if (refused !== undefined) throw invalid(`url cannot be requested: ${refused}`);
  return {
    method,
    url,
    headers: typeof headers === 'function' ? headers : valid('', () => checkedHeaders(headers)),
    redaction: new Redaction(redact),
    limits: { policy, lookup, maxResponseBytes },
    returnsData,
  };
}

function templateOf(url: string | URL): UrlTemplate {
  const parsed = URL.parse(String(url));
  if (parsed === null)
    throw invalid('url is not a whole URL: give one such as https://api.example.com/cities/{city}');
  return valid('url: ', () => new UrlTemplate(parsed));
}

function checkParameters({ names }: UrlTemplate, { parameters }: Tool): void {
  const properties = isRecord(parameters['properties']) ? parameters['properties'] : {};
  for (const name of names)
    if (!Object.hasOwn(properties, name))
      throw invalid(`url has the parameter {${name}}, but input has no property with this name`);
}

function valid<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw invalid(`${what}${messageOf(error)}`);
  }
}

function invalid(why: string): SluiceError {
  return new SluiceError('invalid_options', `httpTool(): ${why}.`);
}
