import type { Message } from 'sluice';
import { tool } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { Desk, guarded } from './desk.ts';
import { calling, resultsIn } from './stage.ts';

const where: Tool = tool({
  name: 'where',
  description: 'Where the user is',
  input: z.object({}),
  output: z.object({ city: z.string() }),
});

async function asked(toolsOptions = {}): Promise<Desk> {
  const desk = new Desk();
  const { result } = await desk.turn([where], 'Where?', { answers: [calling(['where', {}])], toolsOptions });
  expect(result).toMatchObject({ outcome: 'interrupted', reason: 'tool_calls' });
  return desk;
}

describe('the result of a tool that the client runs', () => {
  test('comes in as a decision, in its normal form', async () => {
    const desk = await asked();
    const { model, seen } = await desk.decide([where], { '0_0': { result: { city: 'Rome' } } });
    expect(seen).toEqual(['call 0_0 where', 'result 0_0 {"city":"Rome"}', 'done', 'done']);
    expect(resultsIn(model.requests[0]?.messages)).toEqual(['ok 0_0 {"city":"Rome"}']);
  });

  test('is checked by the schema of the output, and the call waits on if it does not match', async () => {
    const desk = await asked();
    const before = await desk.snapshot();
    const { error } = await desk.decide([where], { '0_0': { result: { town: 'Rome' } } });
    expect(error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/output of where: city/),
    });
    expect(await desk.snapshot()).toEqual(before);
  });

  test('may be an error, which no schema checks', async () => {
    const desk = await asked();
    const { model } = await desk.decide([where], { '0_0': { result: 'No signal.', isError: true } });
    expect(resultsIn(model.requests[0]?.messages)).toEqual(['error 0_0 No signal.']);
  });

  test('is cut to maxResultCharacters, also in the record', async () => {
    const desk = await asked();
    const result = { city: 'x'.repeat(1_000) };
    const { model } = await desk.decide(
      [where],
      { '0_0': { result } },
      { toolsOptions: { maxResultCharacters: 20 } },
    );
    expect(resultsIn(model.requests[0]?.messages).join()).toMatch(/characters left out/);
  });

  test('may be parts', async () => {
    const photo = tool({ name: 'photo', description: 'Takes a photo', input: z.object({}) });
    const desk = new Desk();
    await desk.turn([photo], 'Look.', { answers: [calling(['photo', {}])] });
    const result = [
      { type: 'text', text: 'Here.' },
      { type: 'image', data: 'AA==', mediaType: 'image/png' },
    ];
    const { model } = await desk.decide([photo], { '0_0': { result } });
    expect(resultsIn(model.requests[0]?.messages)).toEqual(['ok 0_0 text,image']);
  });

  test('is refused for a call that waits for an approval, and an approval for one of the client', async () => {
    const desk = await asked();
    const approved = await desk.decide([where], { '0_0': { approve: true } });
    expect(approved.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/run by the client/),
    });
    const declined = await desk.decide([where], { '0_0': { deny: 'Private.' } });
    expect(declined.result?.outcome).toBe('completed');

    const other = new Desk();
    const { made } = guarded();
    await other.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
    const forged = await other.decide([made], { '0_0': { result: 'Paid.' } });
    expect(forged.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/waits for an approval/),
    });
  });

  describe('that comes as a message', () => {
    const resultOf = (id: string, name: string): Message => ({
      role: 'tool',
      content: [{ type: 'tool_result', id, name, content: '{"city":"Rome"}' }],
    });

    test('is refused, and the call waits on', async () => {
      const desk = await asked();
      const [call] = await desk.pending();
      const before = await desk.snapshot();
      const { error, model } = await desk.turn([where], resultOf(call?.callId ?? '', 'where'));
      expect(error).toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/_0_0" .* send decide\(\{ \[callId\]: \{ result \} \}\)/),
      });
      expect(model.requests).toEqual([]);
      expect(await desk.snapshot()).toEqual(before);
      const { result } = await desk.decide([where], { '0_0': { result: { city: 'Rome' } } });
      expect(result?.outcome).toBe('completed');
    });

    test('is refused for a call that waits for an approval', async () => {
      const desk = new Desk();
      const { made, runs } = guarded();
      await desk.turn([made], 'Pay.', { answers: [calling(['pay', {}])] });
      const [call] = await desk.pending();
      const { error } = await desk.turn([made], resultOf(call?.callId ?? '', 'pay'));
      expect(error?.code).toBe('invalid_request');
      expect([runs, (await desk.pending()).length]).toEqual([[], 1]);
    });

    test('is taken for a tool of the request when no call of its turn waits any more, and not before', async () => {
      const desk = new Desk();
      const { made } = guarded();
      const own = { name: 'own', description: 'Is run by whoever asks', parameters: { type: 'object' } };
      const options = { tools: [own] };
      await desk.turn([made], 'Pay.', { answers: [calling(['own', {}], ['pay', {}])], options });
      const id = (await desk.idsByPlace()).get('0_0') ?? '';
      const early = await desk.turn([made], resultOf(id, 'own'), { options });
      expect(early.error).toMatchObject({
        code: 'invalid_request',
        message: expect.stringMatching(/in a turn that has not ended/),
      });
      await desk.decide([made], { '0_1': { deny: 'No.' } }, { options });
      const { model } = await desk.turn([made], resultOf(id, 'own'), { options });
      expect(resultsIn(model.requests[0]?.messages)).toEqual([
        'ok 0_1 The call was denied, and the tool was not run. No.',
        'ok 0_0 {"city":"Rome"}',
      ]);
    });
  });
});
