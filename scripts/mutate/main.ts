/**
 * `npm run mutate -- FOLDER [--sample N] [--seed S] [--tests GLOB ...]`: changes the code of a file or folder in one place at a time and
 * runs the tests that guard it. A change that no test notices has survived: it is printed, and a line with the score ends the report.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../entry-points.ts';
import { installStryker, strykerProgram } from './install.ts';
import { mutantsOf, reportOf } from './report.ts';
import { sampleVariable, seedVariable } from './sample.ts';
import { testsOf, testsVariable } from './tests-of.ts';

const usage = 'npm run mutate -- FOLDER [--sample N] [--seed S] [--tests GLOB ...]';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    tests: { type: 'string', multiple: true },
  },
});
const [given, more] = positionals;
if (given === undefined || more !== undefined) throw new Error(`Give one folder or file: ${usage}`);
const folder = given.replace(/^\.\//, '').replace(/\/$/, '');
if (!existsSync(root + folder)) throw new Error(`${folder} does not exist. ${usage}`);
if (values.sample !== undefined && !/^[1-9]\d*$/.test(values.sample))
  throw new Error(`--sample is a number of mutants, at least 1. ${usage}`);
const tests = (values.tests ?? testsOf(folder)).map(onlyTests);

/** Beside the tests of a folder is what they share. */
function onlyTests(glob: string): string {
  return glob.replace(/\/\*\*$/, '/**/*.test.ts');
}

installStryker();
const temporary = mkdtempSync(join(tmpdir(), 'sluice-mutate-'));
try {
  const config = join(temporary, 'stryker.config.json');
  const report = join(temporary, 'report.json');
  writeFileSync(config, JSON.stringify(configOf(report)));
  const { status } = spawnSync(process.execPath, [strykerProgram, 'run', config], {
    cwd: root,
    env: {
      ...process.env,
      [testsVariable]: JSON.stringify(tests),
      [seedVariable]: values.seed,
      ...(values.sample !== undefined && { [sampleVariable]: values.sample }),
    },
    stdio: 'inherit',
  });
  // What went wrong is on the screen.
  if (status === 0) console.log(reportOf(mutantsOf(readFileSync(report, 'utf8'))));
  else process.exitCode = 1;
} finally {
  rmSync(temporary, { recursive: true });
}

function configOf(report: string): unknown {
  return {
    mutate: [statSync(root + folder).isDirectory() ? `${folder}/**/*.ts` : folder],
    testRunner: 'vitest',
    vitest: { configFile: 'scripts/mutate/vitest.config.ts', related: false },
    checkers: values.sample === undefined ? [] : ['sample'],
    plugins: ['@stryker-mutator/vitest-runner', `${root}scripts/mutate/sample.ts`],
    // One at a time: tests with clocks fail if they get too little of the processor, and then say nothing about the mutant.
    concurrency: 1,
    coverageAnalysis: 'perTest',
    // What runs only while a module loads: such a change needs all tests anew, and mostly is a table of names.
    ignoreStatic: true,
    ignorePatterns: ['bench', 'dist'],
    timeoutMS: 10_000,
    dryRunTimeoutMinutes: 20,
    reporters: ['progress-append-only', 'json'],
    jsonReporter: { fileName: report },
    allowConsoleColors: false,
    disableTypeChecks: false,
  };
}
