import { afterEach, describe, expect, it, vi } from 'vitest';

import { dimmer, processTerminal } from '../../cli/terminal.ts';
import { written } from './fake-terminal.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('processTerminal', () => {
  it('counts an interrupt that npm forwards a second time as one', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const heard: number[] = [];
    const listening = processTerminal().onInterrupt(() => heard.push(performance.now()));
    process.emit('SIGINT');
    vi.advanceTimersByTime(5);
    process.emit('SIGINT');
    expect(heard).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    process.emit('SIGINT');
    expect(heard).toHaveLength(2);
    const before = process.listenerCount('SIGINT');
    listening[Symbol.dispose]();
    expect(process.listenerCount('SIGINT')).toBe(before - 1);
  });
});

describe('dimmer', () => {
  it.each([
    ['a terminal', true, {}, '\u001B[2mx\u001B[22m'],
    ['a pipe', false, {}, 'x'],
    ['NO_COLOR', true, { NO_COLOR: '1' }, 'x'],
    ['an empty NO_COLOR, which counts as not set', true, { NO_COLOR: '' }, '\u001B[2mx\u001B[22m'],
    ['a dumb terminal', true, { TERM: 'dumb' }, 'x'],
  ])('styles text correctly for %s', (_what, tty, environment, text) => {
    expect(dimmer(written(tty), environment)('x')).toBe(text);
  });
});
