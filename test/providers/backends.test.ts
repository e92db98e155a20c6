import { describe, it } from 'vitest';
import { firstParty } from './backends/first-party.ts';
import { hosted } from './backends/hosted.ts';
import { servers } from './backends/local.ts';
import { tried } from './backends/stage.ts';

describe.each([
  ['the companies’ own APIs and the clouds', firstParty],
  ['hosted compatible servers', hosted],
  ['local servers', servers],
])('%s', (_kind, backends) => {
  it.each(backends)('$name', tried);
});
