import { mockTool, tools } from 'sluice/middleware/tools';
import { expect, test } from 'vitest';
import { calling, play, resultsIn } from './stage.ts';

test('a mock tool plays its answers, repeats the last one, and records its calls', async () => {
  const weather = mockTool('weather', {
    answers: ['sunny', new Error('dead'), ({ city }: { city: string }) => `rain in ${city}`],
  });
  const cities = ['Rome', 'Oslo', 'Bern', 'Wien'];
  const { sent } = await play(tools([weather]), [
    calling(...cities.map((city): [string, unknown] => ['weather', { city }])),
    'Ok.',
  ]);
  expect(resultsIn(sent[1])).toEqual([
    'ok 0_0 sunny',
    'error 0_1 The tool failed: dead',
    'ok 0_2 rain in Bern',
    'ok 0_3 rain in Wien',
  ]);
  expect(weather.calls.map(({ input }) => input)).toEqual(cities.map((city) => ({ city })));
});

test('without a script it answers ok, and without answers it is an error', async () => {
  const { sent } = await play(tools([mockTool('work')]), [calling(['work', {}]), 'Ok.']);
  expect(resultsIn(sent[1])).toEqual(['ok 0_0 ok']);
  expect(() => mockTool('work', { answers: [] })).toThrow('answers is not an array with an answer');
});
