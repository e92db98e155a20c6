import { describe, expect, it } from 'vitest';

import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import { haveRealRecordings } from '../support/recordings.ts';
import { cellsOf } from './cell.ts';
import { networks } from './matrix.ts';
import { playRetried } from './retried.ts';
import { subject } from './subject.ts';
import { SUBJECTS } from './subjects.ts';
import { yardstickOf } from './yardstick.ts';

/** One cut every 47 bytes. A prime step falls on every position within events. */
const STEP = 47;

// The two real recordings of the Responses wire call a tool or only think in the part that is cut. This one contains text.
const speaking = { wire: 'openai-responses', name: 'openai-shell-container-multiturn.1' } as const;
const recorded = [...SUBJECTS, ...(haveRealRecordings() ? [speaking] : [])];

/** The project's own recordings are enough for another protocol: they contain all that the others do. */
const own = SUBJECTS.filter(({ name }) => name.startsWith('made-'));

describe.each([
  { over: 'HTTP/1.1', names: recorded, kinds: ['fin', 'rst', 'eof'] },
  { over: 'HTTP/2', names: own, kinds: ['fin', 'reset', 'eof'] },
] as const)('R17 a part of the fault matrix, with a retry, over $over', ({ over, names, kinds }) => {
  const networkOf = networks(over);
  const runs = names.flatMap((name) =>
    (['fail', 'reset', 'continue'] as const).map((afterContent) => ({ ...name, afterContent })),
  );

  it.each(runs)(
    '$wire/$name, afterContent $afterContent: no text twice, one outcome, no extra request',
    async ({ wire, name, afterContent }) => {
      const recorded = subject(wire, name);
      const yardstick = await yardstickOf(recorded);
      const cells = kinds.flatMap((kind, shift) =>
        cellsOf(recorded, kind, 0).filter(({ offset }) => offset >= 0 && (offset + 5 * shift) % STEP === 0),
      );
      const problems: string[] = [];
      const rejections = await unhandledRejectionsOf(async () => {
        const played = await playRetried(recorded, yardstick, cells, afterContent, networkOf('fin'));
        problems.push(...played);
      });
      expect(problems.slice(0, 12), `${problems.length} problems in ${cells.length} cells`).toEqual([]);
      expect(cells.length).toBeGreaterThan(60);
      expect(rejections).toEqual([]);
    },
  );
});
