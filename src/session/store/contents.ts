import * as z from 'zod';
import type { Message } from '../../messages.ts';
import { jsonCopy } from '../../plain-data.ts';
import { stepContentSchema } from '../steps/step-schema.ts';
import type { StepContent } from '../steps/step-schema.ts';
import type { TurnEnd } from './store.ts';
import { unreadableError } from './store-errors.ts';
import { decoded, encoded, plainly } from './stored.ts';
import type { StoredPlace } from './stored.ts';
import { turnSchema } from './stored-schema.ts';

/** Which messages a row begins with, if that is not the first of its append. */
export interface RowStart {
  /** The place of its first message in its append. Default: 0. */
  readonly from?: number | undefined;
  /** Says that it repeats the first messages of the row `of`, so that others can follow these. `at`: the version at which it was written. */
  readonly kept?: { readonly of: number; readonly at: number } | undefined;
}

/** What a row of an append holds. The last row of an append has its end. */
export interface TurnContent extends RowStart {
  readonly messages: Message[];
  readonly end?: TurnEnd | undefined;
  /** The id of the message that the append was told to follow. Only the first row of an append has it. */
  readonly after?: string | undefined;
}

/** How contents are converted to what a driver stores, and back. */
export interface Codec<Content> {
  turn(content: TurnContent): Content;
  readTurn(content: Content, place: StoredPlace): TurnContent;
  /** Adds the messages of a turn to a list: at least the newest `last`. */
  addMessages(content: Content, last: number, place: StoredPlace, list: Message[]): RowStart;
  /** A value of the metadata. */
  value(value: unknown): Content;
  readValue(content: Content, place: StoredPlace): unknown;
  step(content: StepContent): Content;
  readStep(content: Content, place: StoredPlace): StepContent;
}

const valueSchema = z.object({ value: z.unknown() });

/** Contents as JSON text with a schema version. They are checked when they are read. */
export const asText: Codec<string> = {
  turn: (content) => encoded(content),
  readTurn: (text, place) => decoded(text, place, turnSchema),
  addMessages(text, _, place, list) {
    const turn = decoded(text, place, turnSchema);
    for (const message of turn.messages) list.push(message);
    return turn;
  },
  value: (value) => encoded({ value }),
  readValue: (text, place) => decoded(text, place, valueSchema).value,
  step: ({ step, token, spent }) => encoded({ step, token, spent }),
  readStep: (text, place) => decoded(text, place, stepContentSchema),
};

/** Plain data of one of the three kinds. */
export interface PlainContent extends RowStart {
  readonly messages?: readonly Message[];
  readonly end?: TurnEnd | undefined;
  readonly after?: string | undefined;
  readonly value?: unknown;
  readonly step?: StepContent;
}

/** Contents as copies, for data that never leaves the process. Nobody else can change them, so they are not checked again. */
export const asCopy: Codec<PlainContent> = {
  turn: ({ messages, end, ...place }) =>
    plainly(() => ({
      ...place,
      messages: messages.map((message) => jsonCopy(message)),
      end: end && jsonCopy(end),
    })),
  readTurn: ({ messages = [], end, from, kept, after }) => ({
    messages: messages.map((message) => jsonCopy(message)),
    ...(end !== undefined && { end: jsonCopy(end) }),
    ...{ from, kept, after },
  }),
  addMessages(content, last, _, list) {
    const { messages = [] } = content;
    // Only the messages that are needed are copied.
    const from = Math.max(0, messages.length - last);
    for (let at = from; at < messages.length; at++) {
      const message = messages[at];
      if (message !== undefined) list.push(jsonCopy(message));
    }
    return content;
  },
  value: (value) => plainly(() => ({ value: jsonCopy(value) })),
  readValue: ({ value }) => jsonCopy(value),
  step: (step) => plainly(() => ({ step: jsonCopy(step) })),
  readStep({ step }, { key, row }) {
    if (step === undefined) throw unreadableError(key, row, 'is not a step');
    return jsonCopy(step);
  },
};
