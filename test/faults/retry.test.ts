import { expect, it } from 'vitest';

import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import { describeRecordings } from '../support/recordings.ts';
import { cellsOf } from './cell.ts';
import { playRetried } from './retried.ts';
import { subject } from './subject.ts';
import { SUBJECTS } from './subjects.ts';
import { yardstickOf } from './yardstick.ts';

/** Each so many bytes a cut: a step prime to the lengths of events, so that it falls on every place within them. */
const STEP = 47;

describeRecordings('R17 the fault matrix in miniature, with a retry', () => {
  // The two of the Responses wire have acted, or only thought, where they are cut: this one speaks.
  const speaking = { wire: 'openai-responses', name: 'openai-shell-container-multiturn.1' } as const;
  const runs = [...SUBJECTS, speaking].flatMap((name) =>
    (['fail', 'reset', 'continue'] as const).map((afterContent) => ({ ...name, afterContent })),
  );

  it.each(runs)(
    '$wire/$name, afterContent $afterContent: no text twice, one outcome, no request too many',
    { timeout: 60_000 },
    async ({ wire, name, afterContent }) => {
      const recorded = subject(wire, name);
      const yardstick = await yardstickOf(recorded);
      const cells = (['fin', 'rst', 'eof'] as const).flatMap((kind, shift) =>
        cellsOf(recorded, kind, 0).filter(({ offset }) => offset >= 0 && (offset + 5 * shift) % STEP === 0),
      );
      const problems: string[] = [];
      const rejections = await unhandledRejectionsOf(async () => {
        problems.push(...(await playRetried(recorded, yardstick, cells, afterContent)));
      });
      expect(problems.slice(0, 12), `${problems.length} problems in ${cells.length} cells`).toEqual([]);
      expect(cells.length).toBeGreaterThan(60);
      expect(rejections).toEqual([]);
    },
  );
});
