import type { Message } from '../../messages.ts';
import type { Spent, Step, StoredStep } from '../steps/step.ts';
import type { Codec, TurnContent } from './contents.ts';
import { fieldOf, nameOfField, openField, openTurnOfField } from './driver-names.ts';
import type { Loaded, Row, StoredRow } from './driver.ts';
import { unreadableError } from './store-errors.ts';
import type { SessionEntry, SessionKey, SessionState, TurnEnd } from './store.ts';
import type { StoredPlace } from './stored.ts';

/** Which turn is open from now on, or no more. */
interface TurnChange {
  /** The token is that of the lease of its first step. */
  readonly opens?: { readonly turnId: string; readonly token: number } | undefined;
  readonly closes?: string | undefined;
}

/** Splits the contents of a session into rows and fields, and joins them again. */
export class SessionContents<Content> {
  readonly #codec: Codec<Content>;
  readonly #rowSize: number;

  constructor(codec: Codec<Content>, rowSize: number) {
    this.#codec = codec;
    this.#rowSize = rowSize;
  }

  /** An append as rows, at least one. The last one has the end of the turn. */
  rows(entries: readonly SessionEntry[], end: TurnEnd | undefined): Row<Content>[] {
    const size = this.#rowSize;
    if (entries.length <= size) return [this.#row(entries, end)];
    return Array.from({ length: Math.ceil(entries.length / size) }, (_, at) =>
      this.#row(
        entries.slice(at * size, (at + 1) * size),
        (at + 1) * size < entries.length ? undefined : end,
      ),
    );
  }

  #row(entries: readonly SessionEntry[], end: TurnEnd | undefined): Row<Content> {
    const messages = entries.map(({ message }) => message);
    return { weight: messages.length, content: this.#codec.turn({ messages, end }) };
  }

  /** The content of a row, reduced to its first messages. */
  cut(key: SessionKey, { content, version }: StoredRow<Content>, count: number): Content {
    const { messages } = this.#codec.readTurn(content, new RowPlace(key, version));
    return this.#codec.turn({ messages: messages.slice(0, count) });
  }

  /** The newest `last` messages of a session. Throws `store` if the driver did not answer with all of them. */
  messages(key: SessionKey, loaded: Loaded<Content>, last: number): Message[] {
    const { rows, messages: count, version } = loaded;
    let newer = 0;
    for (const { weight } of rows) newer += weight;
    const messages: Message[] = [];
    for (const row of rows) {
      newer -= row.weight;
      this.#codec.addMessages(row.content, last - newer, new RowPlace(key, row.version), messages);
    }
    const wanted = Math.min(last, count);
    checkCount(key, version, { found: messages.length, wanted, most: count });
    return messages.length > wanted ? messages.slice(messages.length - wanted) : messages;
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

  /** The metadata, and which turn is open. */
  readFields(
    key: SessionKey,
    fields: Readonly<Record<string, Content>>,
  ): Pick<SessionState, 'metadata' | 'open'> {
    const metadata: [string, unknown][] = [];
    let open: { turnId: string; token: number } | undefined;
    for (const [field, content] of Object.entries(fields)) {
      const name = nameOfField(field);
      if (name !== undefined) metadata.push([name, this.#codec.readValue(content, { key, row: 'metadata' })]);
      const turnId = name === undefined ? openTurnOfField(field) : undefined;
      if (turnId === undefined) continue;
      const token = Number(this.#codec.readValue(content, { key, row: 'open turn' }));
      if (open === undefined || token > open.token) open = { turnId, token };
    }
    // Also sets a key named `__proto__` as data.
    return { metadata: Object.fromEntries(metadata), ...(open !== undefined && { open: open.turnId }) };
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
  turn(key: SessionKey, rows: readonly StoredRow<Content>[]): TurnContent {
    const messages: Message[] = [];
    let end: TurnEnd | undefined;
    for (const row of rows) {
      const part = this.#codec.readTurn(row.content, new RowPlace(key, row.version));
      for (const message of part.messages) messages.push(message);
      ({ end } = part);
    }
    return { messages, end };
  }
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
