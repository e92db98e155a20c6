import { describe, expect, it } from 'vitest';

import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import type { Wire } from '../../testing/upstream/wires.ts';
import { describeRealRecordings } from '../support/recordings.ts';
import { cellsOf, FAULTS } from './cell.ts';
import { play } from './play.ts';
import { withoutStackTraces } from './stage.ts';
import { subject } from './subject.ts';
import { yardstickOf } from './yardstick.ts';

/**
 * Tests one recording with each fault at each byte of its first 4 KiB, and at some of its last `tail` bytes. Each cell is one execution over a
 * socket. Of a recording of a real provider, every fifth byte is enough.
 */
export function faultMatrix(wire: Wire, name: string, { tail = 0 } = {}): void {
  const isOurs = name.startsWith('made-');
  const step = isOurs ? 1 : 5;
  const suite = isOurs ? describe : describeRealRecordings;
  suite(`the fault matrix of ${wire}/${name}`, () => {
    const recorded = subject(wire, name);
    const yardstick = yardstickOf(recorded);

    it.each(
      FAULTS.map((kind) => ({
        kind,
        cells: cellsOf(recorded, kind, tail).filter((_cell, at) => at % step === 0),
      })),
    )(
      '$kind at $cells.length places: one outcome each, nothing delivered twice, nothing lost, no socket left open',
      { timeout: 120_000 },
      async ({ cells }) => {
        const problems: string[] = [];
        const rejections = await unhandledRejectionsOf(() =>
          withoutStackTraces(
            async () => void problems.push(...(await play(recorded, await yardstick, cells))),
          ),
        );
        expect(problems.slice(0, 12), `${problems.length} problems in ${cells.length} cells`).toEqual([]);
        expect(rejections).toEqual([]);
      },
    );
  });
}
