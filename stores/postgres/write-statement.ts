import type { Write } from '../../src/index.ts';
import type { Names } from './options.ts';
import { LINE, placeAt } from './position.ts';
import { alive, groupSize, keptUntil, mine } from './statements.ts';
import { addedSums, addition, firstSums, sumColumns, sumsParameter } from './sum-columns.ts';

/** A statement with its values, without the owner's: that is `$1`. */
export interface WriteStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * A write as one statement, and so all or nothing. The row of the session is locked by its update, and its version, its token and its end are compared
 * again once the lock is there. The size of a group is not: two writes of one number meet in the primary key.
 *
 * The text has only what the write has. There are a few such texts in all, and the server keeps a plan for each.
 */
export function writeStatement(
  { sessions, turns, owners }: Names,
  id: string,
  write: Write,
  ttlMs: number | null,
): WriteStatement {
  const { group, token, version, before, rows, fields, sums, drop = [], bump, release } = write;
  const values: unknown[] = [id];
  const value = (one: unknown, type: string): string => `$${values.push(one) + 1}::${type}`;
  const where = [mine('s'), alive('s')];
  const set = ['updated_at = clock_timestamp()'];
  const withs: string[] = [];
  const then: string[] = [];

  if (version !== undefined) where.push(`s.version = ${value(version, 'bigint')}`);
  if (token !== undefined) where.push(`s.token = ${value(token, 'bigint')}`);
  if (before !== undefined)
    where.push(`clock_timestamp() <= to_timestamp(${value(before, 'float8')} / 1000)`);
  const groupId = group === undefined ? undefined : value(group.id, 'text');
  if (group !== undefined && groupId !== undefined)
    where.push(`${groupSize(turns, 's', groupId)} = ${value(group.from, 'int')}`);

  if (bump) set.push('version = s.version + 1');
  if (release) set.push('leased_until = NULL');
  const leasedUntil = release ? 'NULL' : 's.leased_until';
  set.push(`expires_at = ${ttlMs === null ? 'NULL' : keptUntil(value(ttlMs, 'float8'), leasedUntil)}`);
  if (fields !== undefined) {
    const removed = Object.keys(fields).filter((name) => fields[name] === undefined);
    const changes = value(JSON.stringify(fields), 'jsonb');
    set.push(`fields = (s.fields || ${changes}) - ${value(removed, 'text[]')}`);
  }
  if (sums !== undefined) {
    withs.push(`added AS (SELECT * FROM ${addedSums(value(sumsParameter(sums), 'text'))})`);
    set.push(addition('s', 'added'));
    then.push(`paid AS (
  INSERT INTO ${owners} AS o (owner, ${sumColumns.join(', ')})
  SELECT kept.owner, ${firstSums('added')} FROM kept, added
  ON CONFLICT (owner) DO UPDATE SET ${addition('o', 'excluded')}
)`);
  }
  const weighs = rows.some(({ weight }) => weight > 0);
  const moved = moveOf(write, weighs, { sessions, turns }, value);
  set.push(...moved.set);
  if (drop.length > 0)
    then.push(`dropped AS (
  DELETE FROM ${turns} AS t USING kept WHERE t.session = kept.key AND t.turn_id = ANY (${value(drop, 'text[]')})
)`);
  if (rows.length > 0)
    then.push(`stored AS (
  INSERT INTO ${turns} (session, owner, turn_id, part, version, line, parent, upto, messages, content)
  SELECT kept.key, kept.owner, ${groupId ?? `'\\' || kept.version`}, ${value(group?.from ?? 0, 'int')} + part.number - 1, kept.version,
    ${weighs ? 'kept.line' : '0'}, ${weighs ? `CASE WHEN part.number = 1 THEN ${moved.parent} ELSE 0 END` : '0'},
    ${weighs ? 'kept.before + ' : ''}part.upto, part.messages, part.content
  FROM kept, unnest(${value(
    rows.map(({ content }) => content),
    'text[]',
  )}, ${value(
    rows.map(({ weight }) => weight),
    'int[]',
  )}, ${value(uptoOf(write), 'int[]')})
    WITH ORDINALITY AS part(content, messages, upto, number)
)`);
  const returned = ['s.key', 's.owner', 's.version', 's.token'];
  if (weighs) returned.push('s.line', `s.messages - ${moved.added} AS before`);
  withs.push(`kept AS (
  UPDATE ${sessions} AS s SET ${set.join(',\n    ')}
  ${sums === undefined ? '' : 'FROM added'}
  WHERE ${where.join(' AND ')}
  RETURNING ${returned.join(', ')}${moved.returned}
)`);
  const text = `WITH ${[...withs, ...then].join(',\n')}\nSELECT version::text, token::text FROM kept`;
  return { text, values };
}

/** Where a write moves the head of a session, and what the first of its rows follows. */
interface Move {
  readonly set: readonly string[];
  /** How many messages are added. */
  readonly added: string;
  /** The position that a line follows which the write begins; 0 for the rows of other lines. */
  readonly parent: string;
  /** What is returned for that. */
  readonly returned: string;
}

function moveOf(
  { after, head, rows }: Write,
  weighs: boolean,
  { sessions, turns }: Pick<Names, 'sessions' | 'turns'>,
  value: (one: unknown, type: string) => string,
): Move {
  const still = { added: '0', parent: '0', returned: '' };
  if (!weighs) {
    if (head === undefined) return { ...still, set: [] };
    const { line, upto } = placeAt(head);
    return {
      ...still,
      set: [`line = ${value(line, 'bigint')}`, `messages = ${value(upto, 'bigint')}`, 'branched = true'],
    };
  }
  const added = value(
    rows.reduce((sum, { weight }) => sum + weight, 0),
    'bigint',
  );
  const lastOf = (line: string): string =>
    `(SELECT max(t.upto) FROM ${turns} AS t WHERE t.session = s.key AND t.line = ${line} AND t.messages > 0)`;
  if (after !== undefined) {
    const place = placeAt(after);
    const [line, upto] = [value(place.line, 'bigint'), value(place.upto, 'bigint')];
    return {
      set: [
        `line = CASE WHEN ${lastOf(line)} > ${upto} THEN s.version + 1 ELSE ${line} END`,
        `messages = ${upto} + ${added}`,
        'branched = true',
      ],
      added,
      parent: `CASE WHEN kept.line = kept.version THEN ${value(after, 'bigint')} ELSE 0 END`,
      returned: '',
    };
  }
  return {
    set: [
      `line = CASE WHEN s.branched AND ${lastOf('s.line')} > s.messages THEN s.version + 1 ELSE s.line END`,
      `messages = s.messages + ${added}`,
    ],
    added,
    parent: 'kept.parent',
    // The subquery sees the row as it was before the update.
    returned: `,
    CASE WHEN s.branched AND s.line = s.version
      THEN (SELECT old.line * ${LINE} + old.messages FROM ${sessions} AS old WHERE old.key = s.key) ELSE 0 END AS parent`,
  };
}

/** How many messages there are up to and with each row. */
function uptoOf({ rows }: Write): number[] {
  let upto = 0;
  return rows.map(({ weight }) => (upto += weight));
}
