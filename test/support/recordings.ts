import { describe, it } from 'vitest';

import { haveRecordings, recordingsFolder } from './recording-files.ts';

export { plainReading, plainReplies, replyLines, type PlainReading } from './plain-reading.ts';
export { WIRES, recording, recordings, type Recording } from './recording-files.ts';

/**
 * A `describe` for tests that use recordings. If there are none, it registers a skipped test that says so.
 *
 * @example
 * describeRecordings('every recording', () => {
 *   it.each(recordings('openai-chat'))('$name reads as its lines say', async (recorded) => {});
 * });
 */
export function describeRecordings(name: string, body: () => void): void {
  describe(name, function withRecordings() {
    if (haveRecordings()) body();
    else
      it.skip(
        `skipped: there are no recordings in ${recordingsFolder}. Set SLUICE_RECORDINGS to their folder.`,
      );
  });
}
