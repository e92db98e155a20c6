/**
 * The bench of outputs: what it costs to stream an object with all its parts. `npm run bench:output` writes OUTPUT.md; `-- --quick` has one run of each and writes nothing. It counts the
 * CPU time of the process that reads the object, from a server in another process. Each contestant has a process of its own; runs are interleaved, after warm-ups.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { machine } from '../harness/machine.ts';
import { installLibrary, installPeers } from '../harness/set-up.ts';
import { median, medianRatio } from '../harness/statistics.ts';
import type { Ran, Run } from './worker.ts';

const SIZES = [10_000, 100_000, 1_000_000] as const;
/** The AI SDK and LangChain parse the whole text again for each part: a megabyte would take them minutes. */
const LARGEST: Readonly<Record<string, number>> = {
  sluice: 1_000_000,
  'sluice, text only': 1_000_000,
  'ai-sdk': 100_000,
  langchain: 100_000,
};

/** The runs of one contestant with an object of one size. */
interface Row {
  name: string;
  size: number;
  runs: Ran[];
}

const isQuick = process.argv.includes('--quick');
const where = machine();
installPeers();
installLibrary();
const rows = await measure(isQuick ? 1 : 5);
const page = pageOf(rows);
console.log(page);
if (!isQuick) writeFileSync(new URL('../OUTPUT.md', import.meta.url), page);

async function measure(runs: number): Promise<Row[]> {
  const server = start('./server.ts');
  const port = await answerOf<number>(server);
  const names = Object.keys(LARGEST);
  const workers = new Map(names.map((name) => [name, start('./worker.ts')]));
  const run = (contestant: string, size: number): Promise<Ran> => {
    const worker = workers.get(contestant);
    if (worker === undefined) throw new Error(`There is no worker of ${contestant}.`);
    const answer = answerOf<Ran>(worker);
    worker.send({ contestant, baseURL: `http://127.0.0.1:${port}/${size}/v1` } satisfies Run);
    return answer;
  };
  const found: Row[] = [];
  for (const size of SIZES) {
    const sized = names
      .filter((name) => (LARGEST[name] ?? 0) >= size)
      .map((name): Row => ({ name, size, runs: [] }));
    for (const { name } of sized)
      for (let warm = 0; warm < (size === 10_000 ? 20 : 1); warm++) await run(name, size);
    for (let at = 0; at < runs; at++)
      for (const row of sized) row.runs.push(await oneRun(() => run(row.name, size), size));
    found.push(...sized);
  }
  for (const worker of workers.values()) worker.disconnect();
  server.disconnect();
  return found;
}

/** A small object takes less than the clock of the CPU can tell apart, so it is read several times. */
async function oneRun(run: () => Promise<Ran>, size: number): Promise<Ran> {
  const times = Math.max(1, 200_000 / size);
  let cpuMs = 0;
  let last: Ran = { cpuMs: 0, parts: 0, items: 0 };
  for (let time = 0; time < times; time++) {
    last = await run();
    cpuMs += last.cpuMs / times;
  }
  return { ...last, cpuMs };
}

function start(file: string): ChildProcess {
  return fork(new URL(file, import.meta.url), {
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T];
  return message;
}

function pageOf(found: readonly Row[]): string {
  const cpuOf = (name: string, size: number): number[] =>
    found.find((row) => row.name === name && row.size === size)?.runs.map(({ cpuMs }) => cpuMs) ?? [];
  const beside = (name: string): number => medianRatio(cpuOf('sluice', 100_000), cpuOf(name, 100_000));
  const perCharacter = (size: number): number => median(cpuOf('sluice', size)) / size;
  const growth = perCharacter(1_000_000) / perCharacter(10_000);
  const goal = (ratio: number, most: number): string =>
    `${ratio.toFixed(3)} | ${most} | ${ratio <= most ? 'yes' : 'no'}`;
  return [
    '# What an object costs with all its parts',
    '',
    ...where.map((line) => `- ${line}`),
    `- ${found[0]?.runs.length ?? 0} interleaved runs, one process for each contestant; medians. CPU is the user and system time of the process that reads`,
    '- Written by `npm run bench:output`',
    '',
    '| | measured | at most | reached |',
    '| --- | ---: | ---: | --- |',
    `| 100 kB beside the AI SDK (\`streamText\` with \`Output.object\`) | ${goal(beside('ai-sdk'), 0.1)} |`,
    `| 100 kB beside LangChain (\`withStructuredOutput\`) | ${beside('langchain').toFixed(3)} | | |`,
    `| a character of 1 MB beside one of 10 kB | ${goal(growth, 1.2)} |`,
    '',
    'Sluice gives fewer parts of a stream that comes at full speed, and LangChain gives only the finished object: the columns say how many each gave.',
    '',
    '| contestant | characters | CPU ms | ns a character | parts | items |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...found.map(({ name, size, runs }) => {
      const cpuMs = median(runs.map((one) => one.cpuMs));
      const { parts = 0, items = 0 } = runs[0] ?? {};
      return `| ${name} | ${size} | ${cpuMs.toFixed(2)} | ${((cpuMs * 1e6) / size).toFixed(0)} | ${parts} | ${items} |`;
    }),
    '',
  ].join('\n');
}
