import type { Write } from '../../src/index.ts';
import type { Names } from './options.ts';
import { LINE, placeAt } from './position.ts';
import { alive, groupSize, keptUntil, mine } from './statements.ts';
import { addedSums, addition, sumColumns, sumsParameter } from './sum-columns.ts';

/** What a parameter of a write is. */
type Value = (write: Write, ttlMs: number | null) => unknown;

/** Writes the parameter of a value into a text. */
type Parameter = (value: Value, type: string) => string;

interface Shape {
  readonly text: string;
  readonly values: readonly Value[];
}

/**
 * Writes as one statement each, and so all or nothing. The row of the session is locked by its update, and its version, its token and its end are
 * compared again once the lock is there. The size of a group is not: two writes of one number meet in the primary key.
 *
 * A text has only what its write has. There are a few such texts in all: each is made once, and the server keeps a plan for each.
 */
export class WriteStatements {
  readonly #names: Names;
  readonly #ttlMs: number | null;
  readonly #shapes = new Map<string, Shape>();

  constructor(names: Names, ttlMs: number | null) {
    this.#names = names;
    this.#ttlMs = ttlMs;
  }

  /** The statement of a write with its values, without the owner's: that is `$1`. */
  of(id: string, write: Write): { text: string; values: readonly unknown[] } {
    const name = shapeOf(write);
    let shape = this.#shapes.get(name);
    if (shape === undefined) {
      shape = makeShape(this.#names, write, this.#ttlMs);
      this.#shapes.set(name, shape);
    }
    return { text: shape.text, values: [id, ...shape.values.map((value) => value(write, this.#ttlMs))] };
  }
}

/** Which parts a write has. */
function shapeOf({
  group,
  token,
  version,
  before,
  rows,
  after,
  head,
  fields,
  sums,
  drop,
  ...flags
}: Write): string {
  const parts = [group, token, version, before, after, head, fields, sums, rows[0], drop?.[0]];
  const there = parts.map((part) => (part === undefined ? '-' : '+'));
  return [...there, weighs(rows), flags.bump, flags.release].join('');
}

function weighs(rows: Write['rows']): boolean {
  return rows.some(({ weight }) => weight > 0);
}

function makeShape({ sessions, turns, owners }: Names, write: Write, ttlMs: number | null): Shape {
  const { group, token, version, before, rows, fields, sums, drop = [], bump, release } = write;
  const values: Value[] = [];
  // The first two parameters are owner and id.
  const parameter: Parameter = (value, type) => `$${values.push(value) + 2}::${type}`;
  const where = [mine('s'), alive('s')];
  const set = ['updated_at = clock_timestamp()'];
  const withs: string[] = [];
  const then: string[] = [];

  if (version !== undefined) where.push(`s.version = ${parameter((of) => of.version, 'bigint')}`);
  if (token !== undefined) where.push(`s.token = ${parameter((of) => of.token, 'bigint')}`);
  if (before !== undefined)
    where.push(`clock_timestamp() <= to_timestamp(${parameter((of) => of.before, 'float8')} / 1000)`);
  const groupId = group === undefined ? undefined : parameter((of) => of.group?.id, 'text');
  const from = group === undefined ? '0' : parameter((of) => of.group?.from, 'int');
  if (groupId !== undefined) where.push(`${groupSize(turns, 's', groupId)} = ${from}`);

  if (bump) set.push('version = s.version + 1');
  if (release) set.push('leased_until = NULL');
  const leasedUntil = release ? 'NULL' : 's.leased_until';
  const ends =
    ttlMs === null
      ? 'NULL'
      : keptUntil(
          parameter((_, ttl) => ttl, 'float8'),
          leasedUntil,
        );
  set.push(`expires_at = ${ends}`);
  if (fields !== undefined) {
    const changes = parameter((of) => JSON.stringify(of.fields), 'jsonb');
    set.push(`fields = (s.fields || ${changes}) - ${parameter(removedOf, 'text[]')}`);
  }
  if (sums !== undefined) {
    const added = parameter((of) => sumsParameter(of.sums ?? {}), 'text');
    withs.push(`added AS (SELECT * FROM ${addedSums(added)})`);
    set.push(addition('s', 'added'));
    then.push(`paid AS (
  INSERT INTO ${owners} AS o (owner, ${sumColumns.join(', ')})
  SELECT kept.owner, ${sumColumns.map((column) => `added.${column}`).join(', ')} FROM kept, added
  ON CONFLICT (owner) DO UPDATE SET ${addition('o', 'excluded')}
)`);
  }
  const move = moveOf(write, { sessions, turns }, parameter);
  set.push(...move.set);
  if (drop.length > 0)
    then.push(`dropped AS (
  DELETE FROM ${turns} AS t USING kept
  WHERE t.session = kept.key AND t.turn_id = ANY (${parameter((of) => of.drop, 'text[]')})
)`);
  if (rows.length > 0) {
    const contents = parameter((of) => of.rows.map(({ content }) => content), 'text[]');
    const weights = parameter((of) => of.rows.map(({ weight }) => weight), 'int[]');
    const uptos = parameter(uptoOf, 'int[]');
    // A group of the core's has no such name.
    const name = groupId ?? `'\\' || kept.version`;
    then.push(`stored AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, line, parent, upto, messages, content)
  SELECT kept.key, kept.owner, ${name}, ${from} + part.number - 1, kept.version,
    ${move.line}, ${move.parent}, ${move.before} + part.upto, part.messages, part.content
  FROM kept, unnest(${contents}, ${weights}, ${uptos}) WITH ORDINALITY AS part(content, messages, upto, number)
)`);
  }
  withs.push(`kept AS (
  UPDATE ${sessions} AS s SET ${set.join(',\n    ')}
  ${sums === undefined ? '' : 'FROM added'}
  WHERE ${where.join(' AND ')}
  RETURNING ${['s.key', 's.owner', 's.version', 's.token', ...move.returned].join(', ')}
)`);
  const text = `WITH ${[...withs, ...then].join(',\n')}\nSELECT version::text, token::text FROM kept`;
  return { text, values };
}

/** Where a write moves the head of a session, and where its rows lie. */
interface Move {
  readonly set: readonly string[];
  readonly line: string;
  /** The position that a line follows which the write begins; 0 for the rows of other lines. */
  readonly parent: string;
  /** How many messages there are before the rows. */
  readonly before: string;
  readonly returned: readonly string[];
}

function moveOf(
  { after, head, rows }: Write,
  { sessions, turns }: Pick<Names, 'sessions' | 'turns'>,
  parameter: Parameter,
): Move {
  if (!weighs(rows)) {
    const still = { line: '0', parent: '0', before: '0', returned: [] };
    if (head === undefined) return { ...still, set: [] };
    const line = parameter((of) => placeAt(of.head ?? 0).line, 'bigint');
    const upto = parameter((of) => placeAt(of.head ?? 0).upto, 'bigint');
    return { ...still, set: [`line = ${line}`, `messages = ${upto}`, 'branched = true'] };
  }
  const added = parameter((of) => uptoOf(of).at(-1), 'bigint');
  const returned = ['s.line', `s.messages - ${added} AS before`];
  const lastOf = (line: string): string =>
    `(SELECT max(t.upto) FROM ${turns} AS t WHERE t.session = s.key AND t.line = ${line} AND t.messages > 0)`;
  if (after !== undefined) {
    const line = parameter((of) => placeAt(of.after ?? 0).line, 'bigint');
    const upto = parameter((of) => placeAt(of.after ?? 0).upto, 'bigint');
    return {
      set: [
        `line = CASE WHEN ${lastOf(line)} > ${upto} THEN s.version + 1 ELSE ${line} END`,
        `messages = ${upto} + ${added}`,
        'branched = true',
      ],
      line: 'kept.line',
      parent: `CASE WHEN part.number = 1 AND kept.line = kept.version THEN ${parameter((of) => of.after, 'bigint')} ELSE 0 END`,
      before: 'kept.before',
      returned,
    };
  }
  return {
    set: [
      `line = CASE WHEN s.branched AND ${lastOf('s.line')} > s.messages THEN s.version + 1 ELSE s.line END`,
      `messages = s.messages + ${added}`,
    ],
    line: 'kept.line',
    parent: 'CASE WHEN part.number = 1 THEN kept.parent ELSE 0 END',
    before: 'kept.before',
    // The subquery sees the session as it was before the update. For each row of the write it would make a kept plan look too dear to be used.
    returned: [
      ...returned,
      `CASE WHEN s.branched AND s.line = s.version THEN (
      SELECT old.line * ${LINE} + old.messages FROM ${sessions} AS old WHERE old.key = s.key
    ) ELSE 0 END AS parent`,
    ],
  };
}

function removedOf({ fields = {} }: Write): string[] {
  return Object.keys(fields).filter((name) => fields[name] === undefined);
}

/** How many messages there are up to and with each row. */
function uptoOf({ rows }: Write): number[] {
  let upto = 0;
  return rows.map(({ weight }) => (upto += weight));
}
