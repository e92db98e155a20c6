import { describe, it } from 'vitest';

import { anthropic } from '../../providers/anthropic/index.ts';
import { demo } from '../../providers/demo/index.ts';
import { openai } from '../../providers/openai/index.ts';
import { providerContract } from '../../testing/provider/contract.ts';
import { scripted } from '../../testing/scripted.ts';

/** A busy machine is slow. */
const runner = { describe, test: it, timeoutMs: 60_000 };

providerContract({
  ...runner,
  name: 'openai() over chat completions',
  wire: 'openai-chat',
  make: (endpoint) => openai({ ...endpoint, model: 'gpt-5-mini' }),
  unsupported: { reasoning: { budgetTokens: 2_000 } },
});

providerContract({
  ...runner,
  name: 'openai() over responses',
  wire: 'openai-responses',
  make: (endpoint) => openai({ ...endpoint, model: 'gpt-5-mini', api: 'responses' }),
  unsupported: { stopSequences: ['END'] },
});

providerContract({
  ...runner,
  name: 'openai() over the global fetch',
  wire: 'openai-chat',
  make: (endpoint) => openai({ ...endpoint, model: 'gpt-5-mini', fetch: globalThis.fetch }),
});

providerContract({
  ...runner,
  name: 'anthropic()',
  wire: 'anthropic-messages',
  make: (endpoint) => anthropic({ ...endpoint, model: 'claude-haiku-4-5' }),
  unsupported: { seed: 7 },
});

providerContract({
  ...runner,
  name: 'anthropic() over the global fetch',
  wire: 'anthropic-messages',
  make: (endpoint) => anthropic({ ...endpoint, model: 'claude-haiku-4-5', fetch: globalThis.fetch }),
});

providerContract({
  ...runner,
  name: 'demo()',
  make: () => demo({ wordDelayMs: 0 }),
  unsupported: { temperature: 0.5 },
  scenes: { tool: {}, thinking: { parameters: { reasoning: { effort: 'low' } } } },
});

providerContract({
  ...runner,
  name: 'scripted()',
  make: (scene) =>
    scripted(
      ({ messages }) => {
        const answered = messages.some(({ role }) => role === 'tool');
        if (scene === 'tool' && !answered) {
          return { toolCalls: [{ name: 'calculate', arguments: { expression: '17 + 25' } }] };
        }
        return scene === 'thinking'
          ? { thinking: 'Seventeen and twenty-five.', text: 'It is 42.' }
          : 'Rivers run down to the sea.';
      },
      { repeat: true },
    ),
  scenes: { tool: {}, thinking: {} },
});
