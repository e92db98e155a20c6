import type { Message } from '../../messages.ts';
import type { Spent, Step, StoredStep } from '../steps/step.ts';
import type { BranchFields, OpenTurn } from './branch-fields.ts';
import type { Codec, RowStart, TurnContent } from './contents.ts';
import { fieldOf, nameOfField, openField, openTurnOfField } from './driver-names.ts';
import type { Loaded, Row, StoredRow } from './driver.ts';
import { messageId } from './message-id.ts';
import type { MessagePlace } from './message-id.ts';
import { unreadableError } from './store-errors.ts';
import type { SessionEntry, SessionKey, SessionState, StoredTurn, TurnEnd } from './store.ts';
import type { StoredPlace } from './stored.ts';

/** Which turn is open from now on, or no more. */
interface TurnChange {
  /** The token is that of the lease of its first step. */
  readonly opens?: { readonly turnId: string; readonly token: number } | undefined;
  readonly closes?: string | undefined;
}

/** Which messages of a way are wanted. */
interface Window {
  /** How many of the newest. */
  readonly last: number;
  /** How many come after them in the newest row. */
  readonly beyond: number;
  /** Whether their ids are wanted, too. */
  readonly ids: boolean;
}

/** What an append follows, if it was told. */
interface Follows {
  readonly after: string;
  /** The first messages of a row, which are stored again before the append. */
  readonly kept: TurnContent | undefined;
}

/** Splits the contents of a session into rows and fields, and joins them again. */
export class SessionContents<Content> {
  readonly #codec: Codec<Content>;
  readonly #rowSize: number;
  readonly #branches: BranchFields<Content>;

  constructor(codec: Codec<Content>, rowSize: number, branches: BranchFields<Content>) {
    this.#codec = codec;
    this.#rowSize = rowSize;
    this.#branches = branches;
  }

  /** An append as rows, at least one. The last one has the end of the turn. */
  rows(entries: readonly SessionEntry[], end: TurnEnd | undefined, follows?: Follows): Row<Content>[] {
    const size = this.#rowSize;
    const messages = entries.map(({ message }) => message);
    if (messages.length <= size && follows === undefined) return [this.#row({ messages, end })];
    const { after, kept } = follows ?? {};
    const parts: TurnContent[] = kept === undefined ? [] : [kept];
    for (let from = 0; from < messages.length || parts.length === 0; from += size)
      parts.push({ messages: messages.slice(from, from + size), ...(from > 0 && { from }) });
    return parts.map((part, at) =>
      this.#row({
        ...part,
        ...(at === 0 && after !== undefined && { after }),
        ...(at === parts.length - 1 && end !== undefined && { end }),
      }),
    );
  }

  #row(content: TurnContent): Row<Content> {
    return { weight: content.messages.length, content: this.#codec.turn(content) };
  }

  /** The content of a row, reduced to its first messages. */
  cut(key: SessionKey, { content, version }: StoredRow<Content>, count: number): Content {
    const { messages, from } = this.#codec.readTurn(content, new RowPlace(key, version));
    return this.#codec.turn({ messages: messages.slice(0, count), ...(from !== undefined && { from }) });
  }

  /** The content of a row that repeats the first messages of another, so that an append at `version` can follow these. */
  kept(key: SessionKey, row: StoredRow<Content>, count: number, version: number): TurnContent {
    const content = this.#codec.readTurn(row.content, new RowPlace(key, row.version));
    const { position, n } = placeOf(row, content);
    const messages = content.messages.slice(0, count);
    return { messages, kept: { of: position, at: version }, ...(n > 0 && { from: n }) };
  }

  /** The place of the first message of a row. */
  startOf(key: SessionKey, row: StoredRow<Content>): MessagePlace {
    return placeOf(row, this.#codec.readTurn(row.content, new RowPlace(key, row.version)));
  }

  /** The id of the last message of a row. */
  newestId(key: SessionKey, row: StoredRow<Content>): string {
    const { position, n } = this.startOf(key, row);
    return messageId({ position, n: n + row.weight - 1 });
  }

  /** The newest messages of a way. Throws `store` if the driver did not answer with all of them. */
  messages(
    key: SessionKey,
    loaded: Loaded<Content>,
    { last, beyond, ids }: Window,
  ): Pick<SessionState, 'messages' | 'ids'> {
    const { rows, messages: count, version } = loaded;
    let newer = 0;
    for (const { weight } of rows) newer += weight;
    const messages: Message[] = [];
    const named: string[] = [];
    for (const row of rows) {
      newer -= row.weight;
      const place = new RowPlace(key, row.version);
      const start = this.#codec.addMessages(row.content, last + beyond - newer, place, messages);
      if (ids) addIds(named, row, start);
    }
    const wanted = Math.min(last + beyond, count);
    checkCount(key, version, { found: messages.length, wanted, most: count });
    return { messages: newest(messages, last, beyond), ...(ids && { ids: newest(named, last, beyond) }) };
  }

  /** Checks a session that is copied without reading its messages. Throws `store` if it cannot be read completely. */
  check(key: SessionKey, { rows, fields, messages, version }: Loaded<Content>): void {
    const found = rows.reduce((sum, { weight }) => sum + weight, 0);
    checkCount(key, version, { found, wanted: messages, most: messages });
    this.readFields(key, fields);
  }

  /** The fields to change: metadata, and which turn is open. Undefined if nothing changes. */
  fields(
    metadata: Readonly<Record<string, unknown>> | undefined,
    { opens, closes }: TurnChange = {},
  ): Record<string, Content | undefined> | undefined {
    if (metadata === undefined && opens === undefined && closes === undefined) return undefined;
    const fields: Record<string, Content | undefined> = {};
    for (const [name, value] of Object.entries(metadata ?? {}))
      fields[fieldOf(name)] = value === undefined ? undefined : this.#codec.value(value);
    if (opens !== undefined) fields[openField(opens.turnId)] = this.#codec.value(opens.token);
    if (closes !== undefined) fields[openField(closes)] = undefined;
    return fields;
  }

  /** The metadata, and which turns are open. */
  readFields(
    key: SessionKey,
    fields: Readonly<Record<string, Content>>,
  ): Pick<SessionState, 'metadata'> & { opens: readonly OpenTurn[] } {
    const metadata: [string, unknown][] = [];
    let opens = NO_TURNS;
    for (const [field, content] of Object.entries(fields)) {
      const name = nameOfField(field);
      if (name !== undefined) metadata.push([name, this.#codec.readValue(content, { key, row: 'metadata' })]);
      const turnId = name === undefined ? openTurnOfField(field) : undefined;
      if (turnId !== undefined) opens = [...opens, this.#branches.openTurn(key, turnId, content)];
    }
    // Also sets a key named `__proto__` as data.
    return { metadata: Object.fromEntries(metadata), opens };
  }

  /** Steps as rows. What was spent is kept with the first. */
  stepRows(steps: readonly Step[], token: number, spent: Spent | undefined): Row<Content>[] {
    return steps.map((step, at) => ({
      weight: 0,
      content: this.#codec.step({ step, token, ...(at === 0 && spent !== undefined && { spent }) }),
    }));
  }

  /** The steps of rows, in order. */
  steps(key: SessionKey, rows: readonly StoredRow<Content>[]): StoredStep[] {
    return rows.map(({ content, at }, n) => {
      const { step, spent, token } = this.#codec.readStep(content, { key, row: `step ${n}` });
      return { n, step, ...(spent !== undefined && { spent }), token, at };
    });
  }

  /** The rows of one append. */
  turn(key: SessionKey, rows: readonly StoredRow<Content>[]): Omit<StoredTurn, 'turnId' | 'version'> {
    const messages: Message[] = [];
    const ids: string[] = [];
    let end: TurnEnd | undefined;
    let after: string | undefined;
    for (const row of rows) {
      const part = this.#codec.readTurn(row.content, new RowPlace(key, row.version));
      after ??= part.after;
      ({ end } = part);
      if (part.kept !== undefined) continue;
      for (const message of part.messages) messages.push(message);
      addIds(ids, row, part);
    }
    return { messages, ids, ...(end !== undefined && { end }), ...(after !== undefined && { after }) };
  }
}

const NO_TURNS: readonly OpenTurn[] = [];

/** The place of the first message of a row. In a fork, a row that repeats another is a row as any other. */
function placeOf<Content>(row: StoredRow<Content>, { from: n = 0, kept }: RowStart): MessagePlace {
  return { position: kept?.at === row.version ? kept.of : row.position, n };
}

function addIds<Content>(ids: string[], row: StoredRow<Content>, start: RowStart): void {
  const { position, n } = placeOf(row, start);
  for (let at = 0; at < row.weight; at++) ids.push(messageId({ position, n: n + at }));
}

/** The newest of a list without those beyond its window. */
function newest<T>(list: T[], last: number, beyond: number): T[] {
  const till = list.length - beyond;
  return beyond === 0 && till <= last ? list : list.slice(Math.max(0, till - last), till);
}

/** Makes sure that no row is missing and none comes twice. */
function checkCount(
  key: SessionKey,
  version: number,
  { found, wanted, most }: { found: number; wanted: number; most: number },
): void {
  if (found >= wanted && found <= most) return;
  const why = `are ${found} where ${wanted} were expected`;
  throw unreadableError(key, `messages at version ${version}`, why);
}

/** Where a row was read. Its name is only made for an error. */
class RowPlace implements StoredPlace {
  readonly key: SessionKey;
  readonly #version: number;

  constructor(key: SessionKey, version: number) {
    this.key = key;
    this.#version = version;
  }

  get row(): string {
    return `turn at version ${this.#version}`;
  }
}
