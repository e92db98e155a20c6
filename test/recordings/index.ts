import { chatRecordings } from './chat.ts';
import type { Made } from './made.ts';
import { messagesRecordings } from './messages.ts';
import { responsesRecordings } from './responses.ts';

/** Streams of each wire that are part of the project: every kind of reply that the wire's documentation describes. */
export const madeRecordings: readonly Made[] = [
  ...chatRecordings,
  ...responsesRecordings,
  ...messagesRecordings,
];
