import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { sqliteStore } from 'sluice/stores/sqlite';
import { root } from '../../../scripts/entry-points.ts';
import { failureOf } from '../../core/harness.ts';
import { contents, newPath } from './stage.ts';

/** The default if a test does not say. */
function isStopped(pid: number | undefined): boolean {
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || readFileSync(stat, 'utf8').includes(' T ');
}

describe('several processes', () => {
  const program = join(root, 'test', 'stores', 'sqlite', 'process.ts');

  const children = new Set<ChildProcess>();
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
  });

  /** Starts one; `lines` is what it has said. */
  function start(...args: string[]) {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    const lines: string[] = [];
    const output = createInterface(child.stdout);
    output.on('line', (line) => lines.push(line));
    const ended = once(child, 'close');
    const said = async (count: number): Promise<void> => {
      while (lines.length < count) await once(output, 'line');
    };
    return { child, lines, ended, said };
  }

  test('R34 they lose nothing of what they append at once to a new file', async () => {
    const path = newPath();
    const writers = ['x', 'y', 'z'].map((name) => start('append', path, name, '30'));
    await Promise.all(writers.map(({ ended }) => ended));
    const store = sqliteStore({ path });
    const state = await store.load('shared');
    expect([state?.version, state?.turns, state?.cost]).toEqual([
      90,
      90,
      { status: 'exact', totalUsd: 22.5 },
    ]);
    expect((await store.spend({ owner: '' })).usage.totalTokens).toBe(90);
    const texts = contents(state);
    for (const [at, text] of texts.entries())
      if (at % 2 === 0) expect(texts[at + 1]).toBe(String(text).replace(/a$/, 'b'));
    expect(texts.filter((text) => String(text).endsWith('a')).sort()).toEqual(
      writers.flatMap(({ lines }) => lines.map((line) => `${line}a`)).sort(),
    );
    await store.close();
  });

  test('what a killed process has stored is complete', async () => {
    const path = newPath();
    for (const name of ['a', 'b', 'c']) {
      const writer = start('append', path, name, '1000000');
      await writer.said(10);
      writer.child.kill('SIGKILL');
      await writer.ended;
      const store = sqliteStore({ path });
      const texts = contents(await store.load('shared'));
      for (const line of writer.lines) {
        const at = texts.indexOf(`${line}a`);
        expect(texts.slice(at, at + 2)).toEqual([`${line}a`, `${line}b`]);
        expect(texts.lastIndexOf(`${line}a`)).toBe(at);
      }
      expect(texts.length % 2).toBe(0);
      await store.close();
    }
  });

  test('R42 the lease of a live process is kept, and that of a killed process is free at once', async () => {
    const path = newPath();
    const store = sqliteStore({ path });
    const holder = start('lease', path, 's');
    await holder.said(1);
    const token = Number(holder.lines[0]);
    expect(await failureOf(store.lease('s', 60_000))).toMatchObject({ code: 'session_busy' });
    holder.child.kill('SIGSTOP');
    await expect.poll(() => isStopped(holder.child.pid)).toBe(true);
    expect(await failureOf(store.lease('s', 60_000))).toMatchObject({ code: 'session_busy' });
    holder.child.kill('SIGKILL');
    await holder.ended;
    const lease = await store.lease('s', 60_000);
    expect(lease.token).toBeGreaterThan(token);
    expect(await failureOf(store.lease('s', 60_000))).toMatchObject({ code: 'session_busy' });
    await store.close();
  });
});
