import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import type { Wire } from '../../testing/upstream/wires.ts';
import { makeCertificate, trust, type Certificate } from '../support/certificate.ts';
import { describeRealRecordings } from '../support/recordings.ts';
import { cellsOf, FAULTS, HTTP2_FAULTS, type FaultKind } from './cell.ts';
import { play } from './play.ts';
import { withoutStackTraces, type Network, type Over } from './stage.ts';
import { subject } from './subject.ts';
import { yardstickOf } from './yardstick.ts';

/** Options of {@link faultMatrix}. */
export interface MatrixOptions {
  /** How many of the last bytes are tested, too. Default: none. */
  readonly tail?: number;
  /** Default: HTTP/1.1. HTTP/2 is over TLS. */
  readonly over?: Over;
  /**
   * Every how many bytes a fault strikes. Default: at each, or at every fifth of a recording of a real provider. Over HTTP/2, faults that each need
   * a new connection over TLS strike five times less often, and so does garbage, which no connection knows of.
   */
  readonly step?: number;
}

/**
 * Tests one recording with each fault at each byte of its first 4 KiB, and at some of its last `tail` bytes. Each cell is one execution over a
 * socket.
 */
export function faultMatrix(wire: Wire, name: string, options: MatrixOptions = {}): void {
  const isOurs = name.startsWith('made-');
  const { tail = 0, over = 'HTTP/1.1', step = isOurs ? 1 : 5 } = options;
  const suite = isOurs ? describe : describeRealRecordings;
  suite(`the fault matrix of ${wire}/${name} over ${over}`, () => {
    const recorded = subject(wire, name);
    const yardstick = yardstickOf(recorded);
    const networkOf = networks(over);
    const stepOf = (kind: FaultKind): number =>
      over === 'HTTP/2' && (endsConnection(kind) || kind === 'garbage') ? 5 * step : step;

    it.each(
      (over === 'HTTP/2' ? HTTP2_FAULTS : FAULTS).map((kind) => ({
        kind,
        cells: cellsOf(recorded, kind, tail).filter((_cell, at) => at % stepOf(kind) === 0),
      })),
    )(
      '$kind at $cells.length places: one outcome each, nothing delivered twice, nothing lost, no socket left open',
      { timeout: 600_000 },
      async ({ kind, cells }) => {
        const problems: string[] = [];
        const rejections = await unhandledRejectionsOf(() =>
          withoutStackTraces(
            async () =>
              void problems.push(...(await play(recorded, await yardstick, cells, networkOf(kind)))),
          ),
        );
        expect(problems.slice(0, 12), `${problems.length} problems in ${cells.length} cells`).toEqual([]);
        expect(rejections).toEqual([]);
      },
    );
  });
}

/** Returns how requests travel for a kind of fault. Over HTTP/2 there is a certificate that all trust while the suite runs. */
export function networks(over: Over): (kind: FaultKind) => Network {
  if (over === 'HTTP/1.1') return () => ({});
  let tls: Certificate;
  let trusted: Disposable;
  beforeAll(async () => {
    tls = await makeCertificate();
    trusted = trust(tls);
  });
  afterAll(() => trusted[Symbol.dispose]());
  // A connection that dies takes all its streams with it. So each stream whose connection is about to die has its own.
  return (kind) => (endsConnection(kind) ? { tls, streamsPerConnection: 1 } : { tls });
}

function endsConnection(kind: FaultKind): boolean {
  return kind === 'fin' || kind === 'rst';
}
