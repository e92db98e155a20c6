import { WRAPPER } from '../../src/index.ts';
import type { Nulls, SchemaDialect } from '../../src/index.ts';
import { isList, isRecord } from '../tools/values.ts';
import { DIALECTS } from './dialects.ts';
import type { Dialect } from './dialects.ts';
import { SchemaNulls, withoutNulls } from './nulls.ts';
import { merged } from './merge.ts';
import { childrenOf, referred, resolved, takesNull, typesOf, withChildren } from './walk.ts';
import type { Schema } from './walk.ts';

/** What of a schema a server is not sent as it is. */
export interface Lost {
  /** Where in the schema. */
  readonly path: readonly string[];
  readonly keyword: string;
  readonly value: unknown;
  /**
   * `dropped`: it is not sent. `described`: it is in the description, for the model to read. `widened`: more is allowed. `wrapped`: the answer is in an object around it.
   */
  readonly how: 'dropped' | 'described' | 'widened' | 'wrapped';
  /** Whether the answer is checked against it. */
  readonly checkedAfter: boolean;
}

/** A schema as one server takes it. */
export interface Conversion {
  readonly schema: Record<string, unknown>;
  /** Whether the answer is under the key `value` of an object. */
  readonly wrapped: boolean;
  /** The nulls of the answer that stand for nothing. */
  readonly nulls: Nulls | undefined;
  /** Makes of what the model wrote what the schema asks for. */
  restore(this: void, written: unknown): unknown;
  readonly lost: readonly Lost[];
  /** Why the server cannot be sent it so that it keeps to it, with the place, if it cannot. */
  readonly unfit: string | undefined;
}

/** Keywords that say nothing of an answer. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$anchor', '$comment', '$dynamicAnchor', '$vocabulary'],
  ...['deprecated', 'readOnly', 'writeOnly'],
]);
/** Keywords that only tell the model something. They are described, and nobody has to know. */
const HINTS: ReadonlySet<string> = new Set(['default', 'examples']);
/** Keywords that every dialect takes. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['type', 'properties', 'required', 'items', 'enum', 'anyOf', '$ref', '$defs', 'definitions'],
  ...['title', 'description'],
]);

/** Converts a schema for a dialect. `checks` says whether a keyword is checked after the answer has come. */
export function convert(
  given: Schema,
  name: SchemaDialect,
  checks: (keyword: string) => boolean = () => true,
): Conversion {
  const converter = new Converter(given, DIALECTS[name], checks);
  return converter.convert();
}

class Converter {
  readonly #root: Schema;
  readonly #dialect: Dialect;
  readonly #checks: (keyword: string) => boolean;
  readonly #lost: Lost[] = [];
  #unfit: string | undefined;

  constructor(root: Schema, dialect: Dialect, checks: (keyword: string) => boolean) {
    this.#root = root;
    this.#dialect = dialect;
    this.#checks = checks;
  }

  convert(): Conversion {
    const root = this.#root;
    if (!this.#dialect.recursive && isRecursive(root)) this.#unfit = 'it refers to itself';
    // A reference at the root would be no object for most servers.
    const { $ref, ...beside } = root;
    const outer = $ref === undefined ? root : { ...resolved(root, root), ...beside };
    const converted = this.#schema(outer, []);
    const wrapped = !isObjectSchema(converted);
    const nulls = this.#dialect.allRequired ? new SchemaNulls(root) : undefined;
    if (wrapped) this.#lose([], 'type', outer['type'] ?? Object.keys(outer)[0], 'wrapped');
    return {
      schema: wrapped ? this.#wrap(converted) : converted,
      wrapped,
      nulls,
      restore: (written) => withoutNulls(wrapped ? unwrapped(written) : written, nulls),
      lost: this.#lost,
      unfit: this.#unfit,
    };
  }

  #wrap({ $defs, definitions, ...inner }: Record<string, unknown>): Record<string, unknown> {
    const shared = {
      ...($defs !== undefined && { $defs }),
      ...(definitions !== undefined && { definitions }),
    };
    const properties = { [WRAPPER]: moved(inner) };
    return {
      type: 'object',
      properties,
      required: [WRAPPER],
      ...(this.#dialect.propertyOrdering && { propertyOrdering: [WRAPPER] }),
      additionalProperties: false,
      ...moved(shared),
    };
  }

  #schema(given: Schema, path: readonly string[]): Record<string, unknown> {
    const schema = this.#joined(given, path);
    const out: Record<string, unknown> = {};
    const said: string[] = [];
    if (schema['$ref'] !== undefined && path.length > 0) return this.#reference(schema, path);
    for (const [keyword, value] of Object.entries(schema)) {
      if (ANNOTATIONS.has(keyword)) continue;
      const kept = this.#kept(schema, keyword, value, path);
      if (kept !== undefined) Object.assign(out, kept);
      else if (this.#isDescribed(keyword)) {
        said.push(`${keyword}: ${JSON.stringify(value)}`);
        this.#lose(path, keyword, value, 'described');
      } else if (isKeyword(keyword)) this.#lose(path, keyword, value, 'dropped');
    }
    if (isRecord(out['properties']) || typesOf(out).includes('object')) this.#object(schema, out, path);
    if (said.length > 0) out['description'] = described(out['description'], said);
    return this.#dialect.typeLists === false ? withOneType(out) : out;
  }

  /** What is sent for a keyword; undefined if it is not sent. */
  #kept(
    schema: Schema,
    keyword: string,
    value: unknown,
    path: readonly string[],
  ): Record<string, unknown> | undefined {
    const { keywords, formats, patterns, maxMinItems } = this.#dialect;
    switch (keyword) {
      case 'properties':
      case '$defs':
      case 'definitions':
        return { [keyword]: this.#named(value, [...path, keyword]) };
      case 'items':
        // What follows a tuple, which is written as a list where there are no tuples.
        if ('prefixItems' in schema && !keywords.has('prefixItems')) return {};
        if (typeof value === 'boolean') return { items: value };
        return { items: isRecord(value) ? this.#schema(value, [...path, keyword]) : {} };
      case 'anyOf':
        return { anyOf: this.#list(value, [...path, keyword]) };
      case 'additionalProperties':
        // Added to objects below.
        return {};
      case 'oneOf':
        if (keywords.has('oneOf')) return { oneOf: this.#list(value, [...path, keyword]) };
        if (!areApart(this.#root, value)) this.#lose(path, keyword, value, 'widened');
        return { anyOf: this.#list(value, [...path, keyword]) };
      case 'const':
        if (keywords.has('const')) return { const: value };
        return { ...(schema['type'] === undefined && { type: typeOfValue(value) }), enum: [value] };
      case 'prefixItems':
        return keywords.has('prefixItems')
          ? { prefixItems: this.#list(value, [...path, keyword]) }
          : this.#tuple(schema, value, path);
      case 'format':
        return keywords.has('format') && (formats === undefined || formats.has(String(value)))
          ? { format: value }
          : undefined;
      case 'pattern':
        return keywords.has('pattern') && (patterns === undefined || patterns.test(String(value)))
          ? { pattern: value }
          : undefined;
      case 'minItems':
        return keywords.has('minItems') && Number(value) <= (maxMinItems ?? Number.POSITIVE_INFINITY)
          ? { minItems: value }
          : undefined;
      default:
        return TAKEN.has(keyword) || keywords.has(keyword) ? { [keyword]: value } : undefined;
    }
  }

  /** A tuple for a server that has no tuples: a list whose items may each be any of those of the tuple. */
  #tuple(schema: Schema, value: unknown, path: readonly string[]): Record<string, unknown> {
    const items = this.#list(value, [...path, 'prefixItems']);
    this.#lose(path, 'prefixItems', value, 'widened');
    const { keywords } = this.#dialect;
    const count = {
      ...(keywords.has('maxItems') &&
        schema['items'] === false && { minItems: items.length, maxItems: items.length }),
    };
    return { items: items.length === 1 ? (items[0] ?? {}) : { anyOf: items }, ...count };
  }

  #reference(schema: Schema, path: readonly string[]): Record<string, unknown> {
    const { $ref, ...beside } = schema;
    for (const [keyword, value] of Object.entries(beside)) {
      if (isKeyword(keyword) && !TAKEN.has(keyword) && !HINTS.has(keyword))
        this.#lose(path, keyword, value, 'dropped');
    }
    return { $ref };
  }

  #list(value: unknown, path: readonly string[]): Record<string, unknown>[] {
    if (!isList(value)) return [];
    return value.map((one: unknown, at) => (isRecord(one) ? this.#schema(one, [...path, String(at)]) : {}));
  }

  /** Schemas by names, in the order in which they are given. */
  #named(value: unknown, path: readonly string[]): Record<string, unknown> {
    if (!isRecord(value)) return {};
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        name,
        isRecord(one) ? this.#schema(one, [...path, name]) : {},
      ]),
    );
  }

  #object(schema: Schema, out: Record<string, unknown>, path: readonly string[]): void {
    const { closed, allRequired, propertyOrdering, keywords } = this.#dialect;
    const properties = isRecord(out['properties']) ? out['properties'] : {};
    const names = Object.keys(properties);
    const more = schema['additionalProperties'];
    if (closed) {
      const hasNames = isRecord(schema['properties']) || more === false;
      if (!hasNames || (isRecord(more) && Object.keys(more).length > 0) || 'patternProperties' in schema)
        this.#unfit ??= `${placeOf(path)} has keys that are not known beforehand`;
      out['properties'] = properties;
      out['additionalProperties'] = false;
    } else if (more !== undefined && keywords.has('additionalProperties'))
      out['additionalProperties'] = isRecord(more)
        ? this.#schema(more, [...path, 'additionalProperties'])
        : more;
    const required: readonly unknown[] = isList(schema['required']) ? schema['required'] : [];
    if (allRequired) {
      for (const name of names) {
        const property = properties[name];
        if (!required.includes(name) && isRecord(property)) properties[name] = nullable(property);
      }
      out['required'] = names;
    }
    // Gemini writes the required properties in the order of this list.
    else if (required.length > 0)
      out['required'] = [
        ...names.filter((name) => required.includes(name)),
        ...required.filter((name) => !names.includes(String(name))),
      ];
    if (propertyOrdering && names.length > 0) out['propertyOrdering'] = names;
  }

  /** A schema whose `allOf` is put together, for a dialect without it. */
  #joined(schema: Schema, path: readonly string[]): Schema {
    if (!isList(schema['allOf']) || this.#dialect.keywords.has('allOf')) return schema;
    const one = merged(this.#root, schema);
    if (one !== undefined) return one;
    this.#unfit ??= `${placeOf(path)} has an allOf that cannot be put together`;
    this.#lose(path, 'allOf', schema['allOf'], 'dropped');
    const { allOf: _all, ...rest } = schema;
    return rest;
  }

  #isDescribed(keyword: string): boolean {
    return isKeyword(keyword) && !NOT_IN_WORDS.has(keyword);
  }

  #lose(path: readonly string[], keyword: string, value: unknown, how: Lost['how']): void {
    this.#lost.push({ path, keyword, value, how, checkedAfter: this.#checks(keyword) });
  }
}

/** Keywords of JSON Schema that are not in any of the other lists. Anything else is somebody's own. */
const KEYWORDS: ReadonlySet<string> = DIALECTS.other.keywords;
const isKeyword = (keyword: string): boolean => KEYWORDS.has(keyword);

/** Whole schemas would be in the description. */
const NOT_IN_WORDS: ReadonlySet<string> = new Set([
  ...['not', 'if', 'then', 'else', 'allOf', 'dependentSchemas', 'contentSchema', 'contains'],
  ...['patternProperties', 'propertyNames', 'unevaluatedItems', 'unevaluatedProperties'],
]);

/** The losses that somebody should know of. */
export function losses(lost: readonly Lost[]): readonly Lost[] {
  return lost.filter(({ keyword, how }) => how !== 'wrapped' && !HINTS.has(keyword));
}

/** A path of a schema, as text. */
export function placeOf(path: readonly string[]): string {
  return path.length === 0 ? 'the root of the schema' : path.join('.');
}

function described(description: unknown, said: readonly string[]): string {
  const before = typeof description === 'string' && description !== '' ? `${description} ` : '';
  return `${before}(${said.join(', ')})`;
}

function isObjectSchema(schema: Record<string, unknown>): boolean {
  return schema['type'] === 'object' && !('anyOf' in schema) && !('oneOf' in schema) && !('allOf' in schema);
}

/** The answer in its wrapper. A model that wrote it without one is understood, too. */
function unwrapped(written: unknown): unknown {
  const isWrapper = isRecord(written) && Object.keys(written).length === 1 && Object.hasOwn(written, WRAPPER);
  return isWrapper ? written[WRAPPER] : written;
}

/** References to the root, for a schema that is put under the wrapper's key. Definitions stay at the root. */
function moved(schema: Schema): Record<string, unknown> {
  const { $ref } = schema;
  const isOfRoot = typeof $ref === 'string' && !/^#\/(?:\$defs|definitions)\//.test($ref);
  return {
    ...withChildren(schema, () => true, moved),
    ...(isOfRoot && { $ref: `#/properties/${WRAPPER}${$ref.slice(1)}` }),
  };
}

/** A schema that takes null, too. */
function nullable(schema: Record<string, unknown>): Record<string, unknown> {
  if (takesNull({}, schema) && !('$ref' in schema)) return schema;
  const { anyOf, type } = schema;
  if (isList(anyOf)) return { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  if (type === undefined || 'const' in schema) return { anyOf: [schema, { type: 'null' }] };
  const options = schema['enum'];
  return {
    ...schema,
    type: [...typesOf(schema), 'null'],
    ...(isList(options) && { enum: [...options, null] }),
  };
}

/** A schema with several types as one of schemas with one type each. */
function withOneType({ title, description, ...schema }: Record<string, unknown>): Record<string, unknown> {
  const told = { ...(title !== undefined && { title }), ...(description !== undefined && { description }) };
  const { type } = schema;
  if (!isList(type)) return { ...told, ...schema };
  const options = schema['enum'];
  const anyOf = type.map((one: unknown) =>
    one === 'null'
      ? { type: one }
      : {
          ...schema,
          type: one,
          ...(isList(options) && { enum: options.filter((option) => isOfType(option, one)) }),
        },
  );
  return { ...told, anyOf };
}

function isOfType(value: unknown, type: unknown): boolean {
  const own = typeOfValue(value);
  return own === type || (own === 'number' && type === 'integer' && Number.isInteger(value));
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'null';
  return isList(value) ? 'array' : typeof value;
}

/** Whether no value can match two of the schemas: they are objects with different constants under one key, or of different types. */
function areApart(root: Schema, value: unknown): boolean {
  if (!isList(value)) return false;
  const schemas = value.filter(isRecord).map((one) => resolved(root, one));
  const types = schemas.map(({ type }) => type);
  if (types.every((type) => typeof type === 'string') && new Set(types).size === types.length) return true;
  const [first] = schemas;
  if (first === undefined || !isRecord(first['properties'])) return false;
  return Object.keys(first['properties']).some((key) => {
    const constants = schemas.map(({ properties }) => {
      const property = isRecord(properties) ? properties[key] : undefined;
      return isRecord(property) && 'const' in property ? JSON.stringify(property['const']) : undefined;
    });
    return !constants.includes(undefined) && new Set(constants).size === constants.length;
  });
}

/** Whether a schema refers to itself, directly or through others. */
function isRecursive(root: Schema): boolean {
  const done = new Set<Schema>();
  const visit = (schema: Schema, above: ReadonlySet<Schema>): boolean => {
    if (above.has(schema)) return true;
    if (done.has(schema)) return false;
    const inside = new Set(above).add(schema);
    const target = referred(root, schema['$ref']);
    if (target !== undefined && visit(target, inside)) return true;
    for (const { keyword, child } of childrenOf(schema)) {
      if (keyword !== '$defs' && keyword !== 'definitions' && visit(child, inside)) return true;
    }
    done.add(schema);
    return false;
  };
  return visit(root, new Set());
}
