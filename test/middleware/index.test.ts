import * as barrel from 'sluice/middleware';
import { expect, test } from 'vitest';

test('sluice/middleware exports what needs no optional package', () => {
  expect(Object.keys(barrel).sort()).toEqual(['logging', 'provider', 'retry', 'system', 'timeout']);
});
