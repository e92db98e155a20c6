import type { Write } from '../../src/index.ts';
import type { Names } from './options.ts';
import { LINE, placeAt } from './position.ts';
import { alive, groupSize, keptUntil, mine } from './statements.ts';
import { addedSums, addition, sumColumns, sumsParameter } from './sum-columns.ts';

/** The value of a parameter of a write. */
type Value = (write: Write, ttlMs: number | null) => unknown;

/** Returns the placeholder for a value. */
type Parameter = (value: Value, type: string) => string;

interface Shape {
  readonly text: string;
  readonly values: readonly Value[];
}

/**
 * Each write is one statement, so it is stored completely or not at all. The update locks the row of the session, and its version, token and expiry are
 * compared again after the lock is granted. The size of a group is not: two writes of the same number conflict in the primary key.
 *
 * A text has only the parts that its write has. There are few such texts: each is made once, and the server caches a plan for each.
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
  held,
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
  const parts = [
    group,
    token,
    held === true ? held : undefined,
    version,
    before,
    after,
    head,
    fields,
    sums,
    rows[0],
    rows[1],
    drop?.[0],
  ];
  const there = parts.map((part) => (part === undefined ? '-' : '+'));
  return [...there, weighs(rows), flags.bump, flags.release].join('');
}

function weighs(rows: Write['rows']): boolean {
  return rows.some(({ weight }) => weight > 0);
}

function makeShape({ sessions, turns, owners }: Names, write: Write, ttlMs: number | null): Shape {
  const { group, token, held = false, version, before, rows, fields, sums, drop = [], bump, release } = write;
  const values: Value[] = [];
  // The first two parameters are owner and id.
  const parameter: Parameter = (value, type) => `$${values.push(value) + 2}::${type}`;
  const where = [mine('s'), alive('s')];
  const set = ['updated_at = clock_timestamp()'];
  const withs: string[] = [];
  const then: string[] = [];

  if (version !== undefined) where.push(`s.version = ${parameter((of) => of.version, 'bigint')}`);
  if (token !== undefined) where.push(`s.token = ${parameter((of) => of.token, 'bigint')}`);
  if (held) where.push('s.leased_until IS NOT NULL');
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
  set.push(...moveOf(write, turns, parameter));
  if (drop.length > 0)
    then.push(`dropped AS (
  DELETE FROM ${turns} AS t USING kept
  WHERE t.session = kept.key AND t.turn_id = ANY (${parameter((of) => of.drop, 'text[]')})
)`);
  if (rows.length > 0) {
    // A group of the core's has no such name.
    const name = groupId ?? `'\\' || kept.version`;
    then.push(`stored AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, line, parent, upto, messages, content)
  ${rowsOf(write, name, from, parameter)}
)`);
  }
  withs.push(`kept AS (
  UPDATE ${sessions} AS s SET ${set.join(',\n    ')}
  ${sums === undefined ? '' : 'FROM added'}
  WHERE ${where.join(' AND ')}
  RETURNING s.key, s.owner, s.version, s.token, s.line, s.parent, s.messages
)`);
  const text = `WITH ${[...withs, ...then].join(',\n')}\nSELECT version::text, token::text FROM kept`;
  return { text, values };
}

/** The rows of a write. Nearly always there is one, and lists would take longer. */
function rowsOf({ rows }: Write, group: string, from: string, parameter: Parameter): string {
  const place = weighs(rows) ? 'kept.line, kept.parent' : '0, NULL';
  if (rows.length === 1) {
    const messages = parameter((of) => of.rows[0]?.weight, 'int');
    const content = parameter((of) => of.rows[0]?.content, 'text');
    const upto = weighs(rows) ? 'kept.messages' : '0';
    return `SELECT kept.key, kept.owner, ${group}, ${from}, kept.version, ${place}, ${upto}, ${messages}, ${content} FROM kept`;
  }
  const contents = parameter((of) => of.rows.map(({ content }) => content), 'text[]');
  const weights = parameter((of) => of.rows.map(({ weight }) => weight), 'int[]');
  const uptos = parameter(uptoOf, 'int[]');
  const upto = weighs(rows)
    ? `kept.messages - ${parameter((of) => uptoOf(of).at(-1), 'bigint')} + part.upto`
    : '0';
  return `SELECT kept.key, kept.owner, ${group}, ${from} + part.number - 1, kept.version, ${place}, ${upto}, part.messages, part.content
  FROM kept, unnest(${contents}, ${weights}, ${uptos}) WITH ORDINALITY AS part(content, messages, upto, number)`;
}

/** The assignments that move the head of a session. */
function moveOf({ after, head, rows }: Write, turns: string, parameter: Parameter): string[] {
  const weighed = weighs(rows);
  const added = weighed ? parameter((of) => uptoOf(of).at(-1), 'bigint') : '0';
  if ((weighed ? after : head) === undefined) {
    if (!weighed) return [];
    return [
      `line = CASE WHEN s.parent = s.line * ${LINE} + s.messages THEN s.version + 1 ELSE s.line END`,
      `messages = s.messages + ${added}`,
    ];
  }
  const positionIn = (of: Write): number => (weighed ? of.after : of.head) ?? 0;
  const position = parameter(positionIn, 'bigint');
  const line = parameter((of) => placeAt(positionIn(of)).line, 'bigint');
  const upto = parameter((of) => placeAt(positionIn(of)).upto, 'bigint');
  // The subquery does not see what was appended while the update waited for its lock. The session does.
  const hasNext = `(s.line = ${line} AND s.messages > ${upto} OR
      (SELECT max(t.upto) FROM ${turns} AS t WHERE t.session = s.key AND t.line = ${line} AND t.messages > 0) > ${upto})`;
  return [
    weighed ? `line = CASE WHEN ${hasNext} THEN s.version + 1 ELSE ${line} END` : `line = ${line}`,
    `messages = ${upto} + ${added}`,
    `parent = CASE WHEN ${hasNext} THEN ${position} END`,
  ];
}

function removedOf({ fields = {} }: Write): string[] {
  return Object.keys(fields).filter((name) => fields[name] === undefined);
}

/** The number of messages up to each row, including its own. */
function uptoOf({ rows }: Write): number[] {
  let upto = 0;
  return rows.map(({ weight }) => (upto += weight));
}
