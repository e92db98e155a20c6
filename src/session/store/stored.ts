import * as z from 'zod';
import { SluiceError } from '../../errors.ts';
import type { Message } from '../../messages.ts';
import { parseOptions } from '../../kit/parse-options.ts';
import { stepSchema } from '../steps/step-schema.ts';
import type { Step } from '../steps/step.ts';
import type { SessionKey } from './store.ts';
import { unreadableError } from './store-errors.ts';
import { messagesSchema, metadataSchema, sessionSchema } from './stored-schema.ts';

/** The version of what is written, as `v` in each stored text. */
const VERSION = 1;

/** Each step converts content of one version to the next. The first step converts version 1. */
export type Migration = (content: unknown) => unknown;

const MIGRATIONS: readonly Migration[] = [];

/** Where a text was read, for error messages. */
export interface StoredPlace {
  readonly key: SessionKey;
  /** Which row: `turn at version 3`, `metadata`, ... */
  readonly row: string;
}

/** How values of one kind are kept as JSON text with a schema version. The text holds no NUL and no lone surrogate. */
export interface TextFormat<T> {
  /** Throws `invalid_options` if the value is not of this kind, or if JSON cannot express it. */
  write(value: T): string;
  /** Checks a text and brings it to this release's version. Throws `store`, not retryable, if it cannot be read. */
  read(text: string, place: StoredPlace): T;
}

/** The metadata of a session. */
export interface SessionContent {
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * The text form of the contents of a session. For stores that wrap another store and change what it stores, as `encrypted()` does: they write their own
 * values as text, and keep that.
 */
export const storedText: {
  readonly messages: TextFormat<readonly Message[]>;
  readonly session: TextFormat<SessionContent>;
  readonly step: TextFormat<Step>;
} = {
  messages: {
    write: (messages) => encoded({ messages: parseOptions('append(): messages', messagesSchema, messages) }),
    read: (text, place) => decoded(text, place, messagesContent).messages,
  },
  session: {
    write: (content) => {
      parseOptions('metadata', metadataSchema, content.metadata);
      return encoded({ metadata: content.metadata });
    },
    read: (text, place) => decoded(text, place, sessionSchema),
  },
  step: {
    write: (step) => encoded({ step: parseOptions('record(): a step', stepSchema, step) }),
    read: (text, place) => decoded(text, place, stepContent).step,
  },
};

const stepContent = z.object({ step: stepSchema });
const messagesContent = z.object({ messages: messagesSchema });

/** Content as JSON text with its schema version. Throws `invalid_options` if JSON cannot express it. */
export function encoded(content: object): string {
  return plainly(() => JSON.stringify({ v: VERSION, ...content }));
}

/** The content of a text that {@link encoded} made, checked and migrated. Throws `store`, not retryable, if it cannot be read. */
export function decoded<S extends z.ZodType>(json: string, place: StoredPlace, schema: S): z.output<S> {
  const parsed = schema.safeParse(migrated(parseJson(json, place), place));
  if (parsed.success) return parsed.data;
  // The message says where the fault is, and does not show the stored value.
  const paths = parsed.error.issues.map(({ path }) => path.map(String).join('.') || 'content');
  throw unreadableError(place.key, place.row, `is not as it was written at ${paths.join(', ')}`);
}

/** Runs a conversion of plain data. Throws `invalid_options` if the data is circular or cannot be converted for another reason. */
export function plainly<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new SluiceError(
      'invalid_options',
      'The value to store is not plain data: JSON cannot express it.',
      {
        cause,
      },
    );
  }
}

/** Migrates the content of an older version to this one. Exported for its tests. */
export function migrated(
  stored: unknown,
  place: StoredPlace,
  migrations: readonly Migration[] = MIGRATIONS,
): unknown {
  const now = migrations.length + 1;
  const v: unknown = typeof stored === 'object' && stored !== null && 'v' in stored ? stored.v : undefined;
  if (typeof v !== 'number' || !Number.isInteger(v) || v < 1)
    throw unreadableError(place.key, place.row, 'has no schema version');
  if (v > now) {
    const why = `has schema version ${v}, and this release reads up to ${now}: update it`;
    throw unreadableError(place.key, place.row, why);
  }
  return migrations.slice(v - 1).reduce((content, step) => step(content), stored);
}

function parseJson(json: string, place: StoredPlace): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The error of the parser is not kept as the cause, because it quotes the text.
    throw unreadableError(place.key, place.row, 'is not valid JSON');
  }
}
