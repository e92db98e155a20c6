import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { unhandledRejectionsOf } from '../../testing/leaks.ts';
import { makeCertificate, trust, type Certificate } from '../support/certificate.ts';
import { FOREIGN_SERVERS, hasForeignServer, inFrontOf } from '../support/foreign-servers.ts';
import { cellsOf, FAULTS } from './cell.ts';
import { play } from './play.ts';
import { withoutStackTraces } from './stage.ts';
import { subject } from './subject.ts';
import { yardstickOf } from './yardstick.ts';

/** A cut every 23 bytes. A prime step falls on every position within events. */
const STEP = 23;

const SUBJECTS = [
  { wire: 'openai-chat', name: 'made-text' },
  { wire: 'openai-responses', name: 'made-web-search' },
  { wire: 'anthropic-messages', name: 'made-thinking-calls' },
] as const;

describe.each(FOREIGN_SERVERS)('the fault matrix over HTTP/2, behind %s', (server) => {
  const suite = describe.skipIf(!hasForeignServer(server));
  let tls: Certificate;
  let trusted: Disposable;
  beforeAll(async () => {
    tls = await makeCertificate();
    trusted = trust(tls);
  });
  afterAll(() => trusted[Symbol.dispose]());

  suite.each(SUBJECTS)('$wire/$name', ({ wire, name }) => {
    const recorded = subject(wire, name);
    const yardstick = yardstickOf(recorded);

    it.each(FAULTS)(
      '%s: one outcome each, nothing delivered twice, nothing lost, no request left open',
      async (kind) => {
        const cells = cellsOf(recorded, kind, 0).filter((_cell, at) => at % STEP === 0);
        const network = { front: (port: number) => inFrontOf(port, server, tls) };
        const problems: string[] = [];
        const rejections = await unhandledRejectionsOf(() =>
          withoutStackTraces(
            async () => void problems.push(...(await play(recorded, await yardstick, cells, network))),
          ),
        );
        expect(problems.slice(0, 12), `${problems.length} problems in ${cells.length} cells`).toEqual([]);
        expect(rejections).toEqual([]);
        expect(cells.length).toBeGreaterThan(30);
      },
    );
  });
});
