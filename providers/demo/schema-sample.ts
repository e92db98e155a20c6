import type { Calculation } from './arithmetic.ts';

type Json = Record<string, unknown>;

/** A deeper schema gets null. */
const MAX_DEPTH = 8;

const EXPRESSION = /expr|formula|calculation|equation|input|query|problem|question/i;
const PLACE = /city|town|place|location|country|region/i;
const OPERATION = /^op$|operat|action|kind|function/i;

const OPERATORS: Readonly<Record<string, RegExp>> = {
  '+': /^(?:\+|add|addition|plus|sum)$/i,
  '-': /^(?:-|sub|subtract|subtraction|minus|difference)$/i,
  '*': /^(?:\*|x|mul|multiply|multiplication|times|product)$/i,
  '/': /^(?:\/|div|divide|division|quotient)$/i,
  '^': /^(?:\^|\*\*|pow|power|exponent)$/i,
  '%': /^(?:%|mod|modulo|remainder)$/i,
};

/** A value that fits a JSON Schema. Strings are taken from the prompt. */
export function sample(schema: unknown, prompt: string, name = '', depth = 0): unknown {
  if (!isJson(schema) || depth > MAX_DEPTH) return null;
  if ('const' in schema) return schema['const'];
  if (Array.isArray(schema['enum']) && schema['enum'].length > 0) return schema['enum'][0];
  if ('default' in schema) return schema['default'];
  const choices = schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf'];
  if (Array.isArray(choices) && choices.length > 0) return sample(choices[0], prompt, name, depth + 1);
  switch (typeOf(schema)) {
    case 'object':
      return sampleObject(schema, prompt, depth);
    case 'array': {
      const least = typeof schema['minItems'] === 'number' ? Math.min(schema['minItems'], 10) : 1;
      return Array.from({ length: least }, () => sample(schema['items'] ?? {}, prompt, name, depth + 1));
    }
    case 'number':
    case 'integer':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return sampleText(prompt, name);
  }
}

/** Arguments for a calculator: an expression, or numbers and an operation, as its schema asks for. */
export function calculatorArguments(schema: Json, asked: Calculation, prompt: string): unknown {
  const args = sample(schema, prompt);
  const properties = schema['properties'];
  if (!isJson(properties) || !isJson(args)) return { expression: asked.expression };
  let operand = 0;
  for (const [name, property] of Object.entries(properties)) {
    if (!isJson(property)) continue;
    const type = typeOf(property);
    if (type === 'number' || type === 'integer') {
      const number = asked.operands[operand++];
      if (number !== undefined) put(args, name, number);
    } else if (type === 'array') {
      const isText = isJson(property['items']) && property['items']['type'] === 'string';
      put(args, name, isText ? asked.operands.map(String) : asked.operands);
    } else if (OPERATION.test(name) || Array.isArray(property['enum'])) {
      put(args, name, operationIn(property['enum'], asked.operator));
    } else if (type === 'string' && (EXPRESSION.test(name) || Object.keys(properties).length === 1)) {
      put(args, name, asked.expression);
    }
  }
  return args;
}

/** The schema's own word for an operator, else the operator itself. */
function operationIn(words: unknown, operator: string): unknown {
  if (!Array.isArray(words)) return operator;
  return words.find((word) => typeof word === 'string' && OPERATORS[operator]?.test(word)) ?? words[0];
}

function sampleObject(schema: Json, prompt: string, depth: number): Json {
  const object: Json = {};
  const properties = isJson(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? schema['required'] : Object.keys(properties);
  for (const name of Object.keys(properties)) {
    if (required.includes(name)) put(object, name, sample(properties[name], prompt, name, depth + 1));
  }
  return object;
}

/** The place that the prompt names if a place is asked for, else the prompt. */
function sampleText(prompt: string, name: string): string {
  const place = PLACE.test(name)
    ? /\b(?:in|at|for|near|of) (\p{Lu}[\p{L}-]*(?: \p{Lu}[\p{L}-]*)*)/u.exec(prompt)
    : null;
  return place?.[1] ?? (prompt === '' ? 'demo' : prompt.slice(0, 80));
}

function typeOf(schema: Json): unknown {
  const type: unknown = schema['type'];
  if (Array.isArray(type)) return type.find((each) => each !== 'null');
  if (type === undefined && 'properties' in schema) return 'object';
  return type;
}

/** A schema may name a field `__proto__`, which becomes a plain field. */
function put(object: Json, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
