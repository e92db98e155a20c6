import { describe } from 'vitest';

import { haveRealRecordings } from './recording-files.ts';

export { plainReading, plainReplies, replyLines, type PlainReading } from './plain-reading.ts';
export { haveRealRecordings, WIRES, recording, recordings, type Recording } from './recording-files.ts';

/**
 * A `describe` for tests that name recordings of real providers. Without these it does nothing: the same behavior is tested with the
 * recordings that are part of the project.
 */
export function describeRealRecordings(name: string, body: () => void): void {
  if (haveRealRecordings()) describe(name, body);
}
