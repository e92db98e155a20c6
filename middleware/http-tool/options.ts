import * as z from 'zod';
import { option } from '../../src/kit/index.ts';
import type { InputOf, InputSchema, LibrarySchema } from '../tools/schema.ts';
import type { ToolOptions, ToolRun } from '../tools/tool.ts';
import { isSubnet } from './addresses.ts';
import { lookupBySystem } from './connect.ts';
import type { Lookup } from './connect.ts';
import { hostRule } from './policy.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** The methods of a request. */
export type HttpMethod = (typeof METHODS)[number];

/** Headers by name. */
export type HttpHeaders = Readonly<Record<string, string>>;

/** What an HTTP tool requests, and what it may connect to. */
export interface HttpRequestOptions<S extends InputSchema> {
  /**
   * Where the request goes. A text may have parameters in its path, `https://api.example.com/cities/{city}`: each is replaced by the property of the input
   * with its name, escaped so that it stays in its part of the path. What is left of the input becomes the query of GET and HEAD, and the body of
   * the others, as JSON. A function makes the whole URL of the input, with its query; it needs `hosts`.
   */
  url: string | URL | ((input: InputOf<S>) => string | URL | Promise<string | URL>);
  /** Default: `GET`. */
  method?: HttpMethod | undefined;
  /** Headers of the request. A function is called for each run, for example for a token of the session's user. */
  headers?: HttpHeaders | ((run: ToolRun) => HttpHeaders | Promise<HttpHeaders>) | undefined;
  /**
   * Names of headers and fields, in any case. Their values are replaced by `***` in the responses and errors that the model gets, and in spans. Values of
   * headers and of parameters of `url` that are named like a key are secret without that.
   */
  redact?: readonly string[] | undefined;
  /**
   * The hosts that may be requested: `api.example.com`, with a port `api.example.com:8443`, all names below one `*.example.com`, or any `*`. Default:
   * that of `url`.
   */
  hosts?: readonly string[] | undefined;
  /** Whether `http:` is allowed, too. Default: false. */
  allowHttp?: boolean | undefined;
  /** Addresses and subnets that may be connected to although they are not public, such as `10.1.0.0/16`. Default: nothing. */
  allowAddresses?: readonly string[] | undefined;
  /** The longest body of a response, in bytes. Default: 1,048,576. */
  maxResponseBytes?: number | undefined;
  /** Finds the addresses of a host. Default: the resolver of the system. */
  lookup?: Lookup | undefined;
}

/** Options of `httpTool()`. All options of `tool()` but `execute` are among them. */
export interface HttpToolOptions<S extends InputSchema>
  extends Omit<ToolOptions<S, unknown>, 'execute' | 'output'>, HttpRequestOptions<S> {
  /** Checks the data of a JSON response. */
  output?: LibrarySchema | undefined;
  /** How long one run may take, in milliseconds. Default: 30,000. */
  timeoutMs?: number | undefined;
  /** Whether sending it twice does no more than sending it once. Default: true for GET and HEAD. */
  idempotent?: boolean | undefined;
}

const host = z
  .string()
  .refine((text) => hostRule(text) !== undefined, 'give a host such as api.example.com, *.example.com or *');

/** The options of the request. Those of `tool()` are left to it. */
export const requestSchema = z.looseObject({
  url: z.union(
    [z.string(), z.instanceof(URL), option.functionOf<(input: unknown) => unknown>()],
    'give a URL or a function',
  ),
  method: z.enum(METHODS).default('GET'),
  headers: z
    .union(
      [z.record(z.string(), z.unknown()), option.functionOf<(run: ToolRun) => unknown>()],
      'give an object or a function',
    )
    .default({}),
  redact: z.array(z.string().min(1)).default([]),
  hosts: z.array(host).min(1).optional(),
  allowHttp: z.boolean().default(false),
  allowAddresses: z
    .array(z.string().refine(isSubnet, 'give an address or a subnet such as 10.1.0.0/16'))
    .default([]),
  maxResponseBytes: option.count(1).default(1_048_576),
  lookup: option.functionOf<Lookup>().default(() => lookupBySystem),
  execute: z.undefined('take it out, because it sends the request itself').optional(),
});

/** Whether a method only reads. */
export function isReading(method: HttpMethod): boolean {
  return method === 'GET' || method === 'HEAD';
}
