import { partUnder } from './keywords.ts';
import type { Part } from './keywords.ts';
import { isRecord } from './values.ts';

/** How deep a schema of a server may be. */
const MAX_DEPTH = 64;
/** How much a schema may be once its references are replaced. */
const MAX_NODES = 20_000;

/** Why a schema cannot be used, in words. */
export class UnusableSchema extends Error {}

/** References that cannot be replaced, because they go round in a circle or become too much. */
class Kept extends Error {}

/**
 * A copy of a schema in which each local reference is replaced by what it refers to, because not every model is given schemas with references. If that has no end, only
 * the one at the root is replaced.
 *
 * Throws {@link UnusableSchema}, also for references to what is not there or elsewhere.
 */
export function withoutReferences(root: Record<string, unknown>): Record<string, unknown> {
  check(root, 'schema', root, 0);
  try {
    const { $defs: _defs, definitions: _definitions, ...rest } = root;
    const whole = new Replacing(root).copy(rest, 'schema', []);
    if (isRecord(whole)) return whole;
  } catch (error) {
    if (!(error instanceof Kept)) throw error;
  }
  const { $ref: at, ...rest } = root;
  return typeof at === 'string' ? { ...targetOf(root, at), ...rest } : root;
}

/** Throws if a reference leads nowhere, or if the schema is too deep. */
function check(value: unknown, part: Part, root: Record<string, unknown>, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw new UnusableSchema(`its schema is deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    for (const one of value) check(one, part, root, depth + 1);
    return;
  }
  if (part === 'schema' && '$ref' in value && typeof value.$ref === 'string') targetOf(root, value.$ref);
  for (const [key, one] of Object.entries(value)) check(one, partUnder(part, key), root, depth + 1);
}

class Replacing {
  readonly #root: Record<string, unknown>;
  #nodes = 0;

  constructor(root: Record<string, unknown>) {
    this.#root = root;
  }

  /** `inside`: the references that have led here. */
  copy(value: unknown, part: Part, inside: readonly string[]): unknown {
    if (++this.#nodes > MAX_NODES || inside.length > MAX_DEPTH) throw new Kept();
    if (Array.isArray(value)) return value.map((one) => this.copy(one, part, inside));
    if (!isRecord(value)) return value;
    const { $ref: at, ...rest } = value;
    if (part !== 'schema' || typeof at !== 'string') return this.#fields(value, part, inside);
    if (inside.includes(at)) throw new Kept();
    const target = this.copy(targetOf(this.#root, at), 'schema', [...inside, at]);
    return { ...(isRecord(target) && target), ...this.#fields(rest, part, inside) };
  }

  #fields(value: Record<string, unknown>, part: Part, inside: readonly string[]): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, this.copy(one, partUnder(part, key), inside)]),
    );
  }
}

/** What a local reference refers to. `true` and `false` are schemas, too. */
function targetOf(root: Record<string, unknown>, reference: string): Record<string, unknown> {
  const fail = (why: string): never => {
    throw new UnusableSchema(`its schema refers to ${JSON.stringify(reference.slice(0, 100))}, ${why}`);
  };
  if (!reference.startsWith('#')) return fail('which is another document');
  let found: unknown = root;
  for (const step of reference.slice(1).split('/').slice(1)) {
    const key = decoded(step).replaceAll('~1', '/').replaceAll('~0', '~');
    found =
      typeof found === 'object' && found !== null && Object.hasOwn(found, key)
        ? Reflect.get(found, key)
        : undefined;
  }
  if (reference !== '#' && !reference.startsWith('#/')) return fail('which is not a path');
  if (typeof found === 'boolean') return found ? {} : { not: {} };
  return isRecord(found) ? found : fail('which is not in it');
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
