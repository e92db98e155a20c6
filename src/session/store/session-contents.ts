import type { Message, ToolCallPart } from '../../messages.ts';
import type { Codec, TurnContent } from './contents.ts';
import { PENDING, fieldOf, nameOfField } from './driver-names.ts';
import type { Loaded, Row, StoredRow } from './driver.ts';
import { unreadableError } from './store-errors.ts';
import type { SessionEntry, SessionKey, SessionState, TurnEnd } from './store.ts';
import type { StoredPlace } from './stored.ts';

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

  /** Changes of metadata and pending calls as fields; undefined if there are none. */
  fields(
    metadata: Readonly<Record<string, unknown>> | undefined,
    pending: readonly ToolCallPart[] | undefined,
  ): Record<string, Content | undefined> | undefined {
    if (metadata === undefined && pending === undefined) return undefined;
    const fields: Record<string, Content | undefined> = {};
    for (const [name, value] of Object.entries(metadata ?? {}))
      fields[fieldOf(name)] = value === undefined ? undefined : this.#codec.value(value);
    if (pending !== undefined) fields[PENDING] = this.#codec.pending(pending);
    return fields;
  }

  /** Metadata and pending calls. */
  readFields(
    key: SessionKey,
    fields: Readonly<Record<string, Content>>,
  ): Pick<SessionState, 'metadata' | 'pending'> {
    const metadata: [string, unknown][] = [];
    let pending: ToolCallPart[] = [];
    for (const [field, content] of Object.entries(fields)) {
      if (field === PENDING) {
        pending = this.#codec.readPending(content, { key, row: 'pending calls' });
        continue;
      }
      const name = nameOfField(field);
      if (name !== undefined) metadata.push([name, this.#codec.readValue(content, { key, row: 'metadata' })]);
    }
    // Also sets a key named `__proto__` as data.
    return { metadata: Object.fromEntries(metadata), pending };
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
