import { describe, expect, it } from 'vitest';
import { isOtherTool, isRestOfName, joinedName } from '../../../../providers/wire/calls/tool-names.ts';

describe('the name of a call after another piece', () => {
  it.each([
    ['get', 'get', ['get'], 'get'],
    ['get', 'get', [], 'get'],
    ['get', 'get', ['getget'], 'getget'],
    ['get', 'get', ['get', 'getget'], 'get'],
    ['get', 'get', ['getget_all'], 'get'],
    ['get', '_all', ['get_all'], 'get_all'],
    ['get', '_a', ['get_all'], 'get_a'],
    ['get', 'get_all', [], 'get_all'],
    ['get', 'set', ['set'], 'set'],
    ['get', 'set', ['get'], 'get'],
    ['get', 'set', [], 'getset'],
    ['x'.repeat(500), 'y'.repeat(500), [], 'x'.repeat(500) + 'y'.repeat(500)],
    ['x'.repeat(500), 'y'.repeat(501), [], 'x'.repeat(500)],
  ])('%s and %s with the tools %j is %s', (before, piece, offered, expected) => {
    expect(joinedName(before, piece, new Set(offered))).toBe(expected);
  });
});

describe('a piece with a name', () => {
  it.each([
    ['get', 'set', ['get', 'set'], true],
    ['get', 'set', ['get'], false],
    ['get', 'set', ['set'], false],
    ['get', 'get', ['get'], false],
    ['get', 'get_all', ['get', 'get_all'], false],
    ['get', '_all', ['get', '_all', 'get_all'], false],
    ['get', '_all', ['get', '_all', 'get_all_of_it'], false],
  ])('after %s, %s with the tools %j belongs to another call: %s', (before, piece, offered, expected) => {
    expect(isOtherTool(before, piece, new Set(offered))).toBe(expected);
  });

  it.each([
    ['get', '_all', ['get_all'], true],
    ['get', '_all', ['get', 'get_all'], false],
    ['get', '_a', ['get_all'], false],
  ])('after %s, %s with the tools %j is the rest of the name: %s', (before, piece, offered, expected) => {
    expect(isRestOfName(before, piece, new Set(offered))).toBe(expected);
  });
});
