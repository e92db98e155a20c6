import * as fc from 'fast-check';

/** One change of a stream's events. `at` and `where` choose an event and a place in it, as fractions from 0 to 1. */
export interface Mutation {
  readonly kind: (typeof KINDS)[number];
  readonly at: number;
  readonly where: number;
  readonly value: unknown;
}

const KINDS = ['drop', 'repeat', 'swap', 'remove', 'set', 'add', 'copy', 'insert', 'cut'] as const;

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Values that servers and attackers send in place of the expected ones. */
const VALUES: readonly unknown[] = [
  null,
  0,
  -1,
  1,
  1e9,
  0.5,
  true,
  '',
  'x',
  '\ud83d',
  '\ude00',
  '__proto__',
  'call_1',
  'f:1',
  'f.1',
  'i'.repeat(80),
  '{}',
  '{"a":',
  'stop',
  'error',
  [],
  {},
  [null],
  { error: { message: 'Broken.', code: 'x' } },
  JSON.parse('{"__proto__":{"polluted":true}}') as unknown,
  nested(100),
  nested(400),
  'y'.repeat(5_000),
];

/** Fields that servers add; the error fields must end the call as failed. */
const FIELDS: readonly [string, unknown][] = [
  ['error', { message: 'Broken.', type: 'overloaded_error' }],
  ['error', 'Broken.'],
  ['error', null],
  ['detail', 'Broken.'],
  ['id', 'same'],
  ['item_id', 'same'],
  ['output_index', 0],
  ['index', 0],
  ['usage', { input_tokens: 0, output_tokens: 0, prompt_tokens: 0, completion_tokens: 0 }],
  ['unknown', { deep: [1] }],
];

/** Events that may occur between those of a reply. */
const EVENTS: readonly unknown[] = [
  { type: 'ping' },
  {},
  { type: 'error', error: { type: 'overloaded_error', message: 'Busy.' } },
  { choices: [] },
  { object: 'error', message: 'Broken.' },
  { type: 'response.unknown', output_index: 0 },
];

/** Some changes, applied one after another. */
export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    where: fc.double({ min: 0, max: 0.999, noNaN: true }),
    value: fc.constantFrom(...VALUES),
  }),
  { minLength: 0, maxLength: 4 },
);

/** The events of a stream after the changes. */
export function mutated(lines: readonly string[], changes: readonly Mutation[]): unknown[] {
  let events: unknown[] = lines.map((line): unknown => JSON.parse(line));
  for (const change of changes) events = applied(events, change);
  return events;
}

function applied(events: readonly unknown[], { kind, at, where, value }: Mutation): unknown[] {
  if (events.length === 0) return [];
  const index = Math.floor(at * events.length);
  const other = Math.floor(where * events.length);
  const event = events[index];
  switch (kind) {
    case 'drop':
      return events.toSpliced(index, 1);
    case 'repeat':
      return events.toSpliced(index, 0, structuredClone(event));
    case 'swap':
      return events.with(index, events[other]).with(other, event);
    case 'cut':
      return events.slice(0, index + 1);
    case 'insert':
      return events.toSpliced(index, 0, EVENTS[Math.floor(where * EVENTS.length)]);
    case 'add': {
      const [name, field] = FIELDS[Math.floor(where * FIELDS.length)] ?? ['unknown', 1];
      return events.with(index, { ...(event as object), [name]: field });
    }
    case 'remove':
    case 'set':
    case 'copy': {
      const copy = structuredClone(event);
      const places = placesIn(copy);
      const place = places[Math.floor(where * places.length)];
      if (place === undefined) return [...events];
      const source = placesIn(events[other]).at(-1);
      if (kind === 'remove') Reflect.deleteProperty(place.holder, place.key);
      else
        Reflect.set(
          place.holder,
          place.key,
          kind === 'set' ? value : source && Reflect.get(source.holder, source.key),
        );
      return events.with(index, copy);
    }
  }
}

interface Place {
  readonly holder: object;
  readonly key: string;
}

function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => [
    { holder: value, key },
    ...placesIn(inner),
  ]);
}
