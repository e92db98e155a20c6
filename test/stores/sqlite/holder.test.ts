import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hasEnded, thisProcess } from '../../../stores/sqlite/holder.ts';

describe('whether a process has ended', () => {
  const [place = '', , start = ''] = thisProcess().split('|');
  const named = (pid: number | string, began = start, where = place): string => [where, pid, began].join('|');

  test('the current process has not', () => {
    expect(thisProcess()).toBe(named(process.pid));
    expect(hasEnded(thisProcess())).toBe(false);
  });

  test('one that is gone has; one of another machine or container is unknown', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    const { pid = 0 } = child;
    await once(child, 'close');
    expect(hasEnded(named(pid, ''))).toBe(true);
    expect(hasEnded(named(pid, '5'))).toBe(true);
    expect(hasEnded(named(pid, '', 'elsewhere'))).toBe(false);
  });

  test.skipIf(!existsSync('/proc/self/stat'))('one whose number belongs to another process now has', () => {
    expect(hasEnded(named(process.pid, `${Number(start) - 1}`))).toBe(true);
    expect(hasEnded(named(process.pid, ''))).toBe(false);
  });

  test('one of another user, or nonsense, is unknown', () => {
    expect(hasEnded(named(1, ''))).toBe(false);
    for (const nonsense of ['', '|', named(''), named(0), named(-1), named('x'), undefined])
      expect(hasEnded(nonsense)).toBe(false);
  });
});
