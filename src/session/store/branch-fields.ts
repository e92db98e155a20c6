import * as z from 'zod';
import type { Codec } from './contents.ts';
import { BRANCH, LINE, branchField, openField } from './driver-names.ts';
import { unreadableError } from './store-errors.ts';
import type { SessionKey } from './store.ts';

/** The newest message of a branch. */
export interface Tip {
  readonly id: string;
  /** How many messages there are on the way to it. */
  readonly messageCount: number;
  /** When it was stored. */
  readonly updatedAt: number;
}

/** Where a branch begins. */
export interface Line {
  /** The id of the message that its first own message follows; `''` for none. */
  readonly parent: string;
  /** The version of the write that began it. */
  readonly since: number;
}

/** A turn that is open. */
export interface OpenTurn {
  readonly turnId: string;
  /** The token of the lease of its first step. */
  readonly token: number;
  /** The message that it answers. Absent as long as the head was not moved since it was opened: then that is the head. */
  readonly on?: Tip | undefined;
}

/** What the fields of a session say about its branches. */
export interface Branches {
  /** The branch of the head. */
  readonly line: Line;
  /** The others. */
  readonly others: readonly (Line & Tip)[];
  readonly opens: readonly OpenTurn[];
}

const FIRST: Line = { parent: '', since: 0 };

const count = z.int().min(0);
const lineSchema = z.object({ parent: z.string(), since: count });
const tipSchema = z.object({ id: z.string(), messageCount: count, updatedAt: z.number() });
const branchSchema = z.object({ ...lineSchema.shape, ...tipSchema.shape });
const openSchema = z.union([
  z.number().transform((token) => ({ token })),
  z.object({ token: z.number(), on: tipSchema }),
]);

/** Reads and changes the fields that describe branches and open turns. */
export class BranchFields<Content> {
  readonly #codec: Codec<Content>;

  constructor(codec: Codec<Content>) {
    this.#codec = codec;
  }

  /** An open turn, from the content of its field. */
  openTurn(key: SessionKey, turnId: string, content: Content): OpenTurn {
    return { turnId, ...this.#read(key, 'open turn', content, openSchema) };
  }

  /** What the fields say about branches. The open turns are read by the caller. */
  read(key: SessionKey, fields: Readonly<Record<string, Content>>): Omit<Branches, 'opens'> {
    let line = FIRST;
    const others: (Line & Tip)[] = [];
    for (const [name, content] of Object.entries(fields)) {
      if (name === LINE) line = this.#read(key, 'branch', content, lineSchema);
      else if (name.startsWith(BRANCH)) others.push(this.#read(key, 'branch', content, branchSchema));
    }
    return { line, others };
  }

  /**
   * The fields to change when a write at `version` moves the head from its tip to another message. What is left stays as a branch, unless it has no message of its
   * own. The turns that are open on it stay there.
   */
  moved(
    { line, others, opens }: Branches,
    tip: Tip | undefined,
    to: string,
    version: number,
  ): Record<string, Content | undefined> {
    const fields: Record<string, Content | undefined> = {};
    if (tip !== undefined) {
      for (const { turnId, token, on } of opens)
        if (on === undefined) fields[openField(turnId)] = this.#codec.value({ token, on: tip });
    }
    if (to === (tip?.id ?? '')) return fields;
    if (tip !== undefined && tip.id !== line.parent)
      fields[branchField(tip.id)] = this.#codec.value({ ...line, ...tip });
    const next = others.find(({ id }) => id === to);
    if (next !== undefined) fields[branchField(to)] = undefined;
    const { parent, since } = next ?? { parent: to, since: version };
    fields[LINE] = this.#codec.value({ parent, since });
    return fields;
  }

  #read<S extends z.ZodType>(key: SessionKey, row: string, content: Content, schema: S): z.output<S> {
    const parsed = schema.safeParse(this.#codec.readValue(content, { key, row }));
    if (parsed.success) return parsed.data;
    throw unreadableError(key, row, 'is not as it was written');
  }
}
