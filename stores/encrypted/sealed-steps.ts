import { storedText } from '../../src/index.ts';
import type { SessionKey, Step, StoredStep } from '../../src/index.ts';
import type { About, SessionCipher } from './session-cipher.ts';

/** Encrypts the steps of a record. Each becomes a step of one kind, with the encrypted text as its content. */
export function sealedSteps(
  cipher: SessionCipher,
  steps: readonly Step[],
  { turnId, from }: { turnId: string; from: number },
): Step[] {
  return steps.map((step, at) => ({
    kind: 'result',
    callId: 'sealed',
    content: cipher.seal(storedText.step.write(step), about(turnId, from + at)),
    isError: false,
    outcome: 'done',
  }));
}

/** Decrypts the steps of a turn. Each must have the number under which it was stored. */
export function openedSteps(
  cipher: SessionCipher,
  key: SessionKey,
  turnId: string,
  steps: readonly StoredStep[],
): StoredStep[] {
  return steps.map((stored) => {
    const { n, step } = stored;
    const row = `step ${n}`;
    const sealed = step.kind === 'result' ? step.content : undefined;
    const text = cipher.open(sealed, about(turnId, n), row);
    return { ...stored, step: storedText.step.read(text, { key, row }) };
  });
}

function about(turnId: string, n: number): About {
  return ['step', turnId, n];
}
