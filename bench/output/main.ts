import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { installLibrary, installPeers } from '../harness/set-up.ts';
import { median, medianRatio } from '../harness/statistics.ts';
import type { Ran, Run } from './worker.ts';

/**
 * The bench of outputs: `node bench/output/main.ts [runs]`. What it costs to stream an object with all its parts: CPU time of the process that reads it, from a server in another process. Each contestant has a process of its own; runs are
 * interleaved, after warm-ups.
 */
const SIZES = [10_000, 100_000, 1_000_000] as const;
const RUNS = Number(process.argv[2] ?? 5);
/** The AI SDK and LangChain parse the whole text again for each part: a megabyte would take them minutes. */
const LARGEST: Record<string, number> = {
  sluice: 1_000_000,
  'sluice, text only': 1_000_000,
  'ai-sdk': 100_000,
  langchain: 100_000,
};

installPeers();
installLibrary();

const start = (file: string): ChildProcess =>
  fork(new URL(file, import.meta.url), {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T];
  return message;
}

const server = start('./server.ts');
const port = await answerOf<number>(server);
const names = Object.keys(LARGEST);
const workers = new Map(names.map((name) => [name, start('./worker.ts')]));

async function run(name: string, size: number): Promise<Ran> {
  const worker = workers.get(name);
  if (worker === undefined) throw new Error(`There is no worker of ${name}.`);
  const answer = answerOf<Ran>(worker);
  worker.send({ contestant: name, baseURL: `http://127.0.0.1:${port}/${size}/v1` } satisfies Run);
  return answer;
}

const results = new Map<string, Ran[]>();
for (const size of SIZES) {
  const takes = names.filter((name) => (LARGEST[name] ?? 0) >= size);
  for (const name of takes)
    for (let warm = 0; warm < (size === 10_000 ? 20 : 1); warm++) await run(name, size);
  for (let at = 0; at < RUNS; at++) {
    for (const name of takes) {
      // A small object takes less than the clock of the CPU can tell apart, so it is read several times.
      const times = Math.max(1, 200_000 / size);
      const several: Ran[] = [];
      for (let time = 0; time < times; time++) several.push(await run(name, size));
      // The AI SDK takes long.
      console.error(
        `${name}, ${size} characters: ${several
          .map((one) => one.cpuMs.toFixed(0))
          .join(' ')
          .slice(0, 60)} ms`,
      );
      const cpuMs = several.reduce((sum, one) => sum + one.cpuMs, 0) / several.length;
      const key = `${name} ${size}`;
      results.set(key, [...(results.get(key) ?? []), { ...(several[0] ?? { parts: 0, items: 0 }), cpuMs }]);
    }
  }
}

const cpuOf = (name: string, size: number): number[] =>
  (results.get(`${name} ${size}`) ?? []).map(({ cpuMs }) => cpuMs);
console.log(
  '| contestant | characters | CPU ms | ns per character | parts | items |\n| --- | ---: | ---: | ---: | ---: | ---: |',
);
for (const [key, runs] of results) {
  const size = Number(key.split(' ').at(-1));
  const cpuMs = median(runs.map((one) => one.cpuMs));
  const [first] = runs;
  console.log(
    `| ${key.slice(0, -String(size).length - 1)} | ${size} | ${cpuMs.toFixed(2)} | ${((cpuMs * 1e6) / size).toFixed(0)} | ${first?.parts ?? 0} | ${first?.items ?? 0} |`,
  );
}
const to = (name: string): string => medianRatio(cpuOf('sluice', 100_000), cpuOf(name, 100_000)).toFixed(3);
console.log(
  `\n100 kB beside the AI SDK: ${to('ai-sdk')} (goal: at most 0.1); beside LangChain: ${to('langchain')}`,
);
const perCharacter = (size: number): number => median(cpuOf('sluice', size)) / size;
console.log(
  `a character at 1 MB beside one at 10 kB: ${(perCharacter(1_000_000) / perCharacter(10_000)).toFixed(2)} (goal: at most 1.2)`,
);

for (const worker of workers.values()) worker.disconnect();
server.disconnect();
