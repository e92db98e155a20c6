import type { SchemaDialect } from '../../src/index.ts';

/** What a server takes of JSON Schema, and how what it does not take is written instead. */
export interface Dialect {
  /** The keywords that it keeps an answer to. */
  readonly keywords: ReadonlySet<string>;
  /** The values of `format` among them. Absent: any, if it takes `format`. */
  readonly formats?: ReadonlySet<string>;
  /** The values of `pattern` among them. Absent: any, if it takes `pattern`. */
  readonly patterns?: RegExp;
  /** The highest `minItems` that it takes. */
  readonly maxMinItems?: number;
  /** Whether each object has to be closed, so that one with keys that are not known cannot be said. */
  readonly closed: boolean;
  /** Whether each property has to be required, so that one that may be missing is written as null. */
  readonly allRequired: boolean;
  /** False if a schema has to have one type, so that several are written as `anyOf`. */
  readonly typeLists?: false;
  /** Whether a schema may refer to itself. */
  readonly recursive: boolean;
  /** Whether it wants the order of the properties in a keyword of its own. */
  readonly propertyOrdering: boolean;
}

const NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;
const STRING_LENGTHS = ['minLength', 'maxLength'] as const;
const ITEM_COUNTS = ['minItems', 'maxItems'] as const;

const set = (...keywords: readonly string[]): ReadonlySet<string> => new Set(keywords);

/** The formats of OpenAI and Anthropic, but for `uri`. */
const FORMATS = [
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
] as const;

/** Patterns without lookahead and lookbehind, which OpenAI refuses. */
const WITHOUT_LOOKAROUND = /^(?!.*\(\?<?[=!])/s;

/** Patterns that xAI takes: from `^` to `$`, since it matches whole strings, and without what its page excludes. */
const WHOLE = /^\^(?:[^\\(]|\((?!\?)|\(\?:|\\[^1-9kpPbB])*\$$/s;

/**
 * Patterns that llama.cpp can turn into a grammar: from `^` to `$`, without classes such as `\d`, and without groups that
 * begin with `(?`. Others are refused, or the whole answer goes unchecked.
 */
const PLAIN = /^\^(?:[^\\(]|\((?!\?)|\\[.^$[\](){}|*+?])*\$$/s;

/** Servers that turn the schema into a grammar take objects as they are. */
const OPEN = { closed: false, allRequired: false, recursive: true, propertyOrdering: false } as const;

/** What the converter of llama.cpp takes. It refuses a tuple with `items: false`, so tuples are written as lists. */
const LLAMA: Dialect = {
  keywords: set(
    ...['const', 'oneOf', 'allOf', 'pattern', 'format', 'additionalProperties'],
    ...[...STRING_LENGTHS, ...ITEM_COUNTS],
  ),
  formats: set('date-time', 'date', 'time', 'uuid'),
  patterns: PLAIN,
  ...OPEN,
};

/**
 * The dialects. What all of them take is not listed: `type`, `properties`, `required`, `items`, `enum`, `anyOf`, local `$ref` with `$defs`, `title` and `description`.
 *
 * What they rest on (docs/structured-output.md has the addresses):
 * - openai: copies of OpenAI's guide, "Supported schemas"; `toStrictJsonSchema` of the package openai 7; users' reports (patterns)
 * - anthropic: `transformJSONSchema` of the package `@anthropic-ai/sdk` 1, which the page on structured outputs describes
 * - gemini: a copy of the page on structured output, "JSON schema support". `propertyOrdering` is of older pages
 * - xai, cerebras: copies of their pages on structured outputs
 * - llama.cpp: `grammars/README.md`, `json-schema-to-grammar.cpp` and users' reports. It has minimum and maximum, but only for integers
 * - ollama: the same, since it uses that converter (its users' reports); not verified for all of its engines
 * - vllm: `vllm/v1/structured_output/backend_xgrammar.py`
 * - mistral: not verified. Its page says only that there are schemas, so it gets the least
 */
export const DIALECTS: Readonly<Record<SchemaDialect, Dialect>> = {
  openai: {
    keywords: set('pattern', 'format', 'multipleOf', ...NUMBERS, ...ITEM_COUNTS),
    formats: set(...FORMATS),
    patterns: WITHOUT_LOOKAROUND,
    closed: true,
    allRequired: true,
    recursive: true,
    propertyOrdering: false,
  },
  anthropic: {
    keywords: set('const', 'format', 'minItems'),
    formats: set(...FORMATS, 'uri'),
    maxMinItems: 1,
    closed: true,
    allRequired: false,
    recursive: false,
    propertyOrdering: false,
  },
  gemini: {
    keywords: set('format', 'minimum', 'maximum', 'prefixItems', ...ITEM_COUNTS, 'additionalProperties'),
    formats: set('date-time', 'date', 'time'),
    ...OPEN,
    propertyOrdering: true,
  },
  xai: {
    keywords: set(
      ...['const', 'pattern', 'format', 'prefixItems', 'additionalProperties'],
      ...['minProperties', 'maxProperties'],
      ...[...NUMBERS, ...STRING_LENGTHS, ...ITEM_COUNTS],
    ),
    formats: set('date-time', 'date', 'time', 'email', 'uuid', 'ipv4', 'ipv6', 'uri'),
    patterns: WHOLE,
    ...OPEN,
    recursive: false,
  },
  cerebras: {
    keywords: set('const', 'multipleOf', ...NUMBERS),
    closed: true,
    allRequired: false,
    typeLists: false,
    recursive: false,
    propertyOrdering: false,
  },
  mistral: {
    keywords: set(),
    closed: true,
    allRequired: true,
    recursive: true,
    propertyOrdering: false,
  },
  ollama: LLAMA,
  'llama.cpp': LLAMA,
  vllm: {
    keywords: set(
      'const',
      'oneOf',
      'allOf',
      'pattern',
      'format',
      'prefixItems',
      'additionalProperties',
      ...NUMBERS,
      ...STRING_LENGTHS,
      ...ITEM_COUNTS,
    ),
    formats: set(...FORMATS, 'uri'),
    ...OPEN,
  },
  /** A server that is not known, or no mode of a server: nothing is taken away. */
  other: {
    keywords: set(
      ...['const', 'oneOf', 'allOf', 'not', 'if', 'then', 'else', 'pattern', 'format', 'multipleOf'],
      ...['prefixItems', 'uniqueItems', 'contains', 'minContains', 'maxContains', 'unevaluatedItems'],
      ...['additionalProperties', 'patternProperties', 'propertyNames', 'minProperties', 'maxProperties'],
      ...['dependentRequired', 'dependentSchemas', 'unevaluatedProperties', 'default', 'examples'],
      ...[...NUMBERS, ...STRING_LENGTHS, ...ITEM_COUNTS],
      ...['contentEncoding', 'contentMediaType', 'contentSchema'],
    ),
    ...OPEN,
  },
};
