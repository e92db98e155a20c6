import type { ReasoningOptions } from '../../../src/index.ts';
import type { Unsupported } from '../../wire/index.ts';
import type { Block } from './block.ts';
import type { ModelTraits } from './model-traits.ts';

/** The smallest budget that the API takes. */
export const MIN_BUDGET_TOKENS = 1024;

/** The fields of a request that say how much the model thinks. */
export interface WireThinking {
  thinking?: Block;
  effort?: string;
  maxTokens: number;
}

interface ThinkingInput {
  reasoning: ReasoningOptions | undefined;
  /** The provider's own `thinking` option. */
  budgetTokens: number | undefined;
  maxTokens: number;
  /** Whether the request sets `maxTokens` itself. */
  isMaxTokensNamed: boolean;
  traits: ModelTraits;
  /** Whether the tool choice forces a call. */
  isToolForced: boolean;
  /** Whether the reply to continue does not begin with its thinking. */
  isThinkingLost: boolean;
}

/**
 * Maps `reasoning` and the provider's `thinking` to `thinking` and `output_config.effort`. Models that think adaptively
 * take no budget, and older models take nothing else. What the model does not take is reported.
 * Source: https://platform.claude.com/docs/en/build-with-claude/thinking
 */
export function wireThinking(input: ThinkingInput, unsupported: Unsupported): WireThinking {
  const { reasoning, traits, maxTokens } = input;
  const wanted = reasoning?.effort;
  if (wanted === 'none') return { ...withoutThinking(traits, unsupported), maxTokens };
  const effort = effortOf(wanted, traits, unsupported);
  const budgetTokens = reasoning?.budgetTokens ?? input.budgetTokens;
  const summary = reasoning?.summary;
  if (summary === 'concise' || summary === 'detailed') {
    unsupported(`there is only one kind of summary: '${summary}' is sent as 'summarized'`);
  }
  const display = summary === undefined ? undefined : { display: 'summarized' };
  const effortField = effort === undefined ? undefined : { effort };
  if (traits.thinking === 'adaptive' || (traits.thinking === 'either' && budgetTokens === undefined)) {
    if (budgetTokens === undefined && effort === undefined && summary === undefined) return { maxTokens };
    if (budgetTokens !== undefined) {
      unsupported(
        'this model decides by itself how much to think: budgetTokens is left out, use reasoning.effort',
      );
    }
    // These models send thinking without its text unless they are asked for it.
    return { thinking: { type: 'adaptive', display: 'summarized' }, ...effortField, maxTokens };
  }
  if (budgetTokens === undefined) {
    if (summary !== undefined) unsupported('this model thinks only with budgetTokens: summary is left out');
    return { ...effortField, maxTokens };
  }
  if (input.isToolForced) {
    unsupported('the model cannot think if the tool choice forces a call: thinking is left out');
    return { ...effortField, maxTokens };
  }
  if (input.isThinkingLost) {
    unsupported(
      'the model cannot continue to think after a reply without its thinking: thinking is left out',
    );
    return { ...effortField, maxTokens };
  }
  const budget = Math.max(budgetTokens, MIN_BUDGET_TOKENS);
  if (budget > budgetTokens) {
    unsupported(`budgetTokens of ${budgetTokens} is raised to ${MIN_BUDGET_TOKENS}, the minimum`);
  }
  return {
    thinking: { type: 'enabled', budget_tokens: budget, ...display },
    ...effortField,
    maxTokens: roomFor(budget, input, unsupported),
  };
}

/** `max_tokens` includes thinking and must be above its budget. */
function roomFor(budget: number, input: ThinkingInput, unsupported: Unsupported): number {
  if (input.maxTokens > budget) return input.maxTokens;
  const raised = budget + input.maxTokens;
  if (input.isMaxTokensNamed) {
    unsupported(
      `maxTokens of ${input.maxTokens} includes thinking and must be above budgetTokens of ${budget}: it is raised to ${raised}`,
    );
  }
  return raised;
}

function withoutThinking(
  traits: ModelTraits,
  unsupported: Unsupported,
): { thinking?: Block; effort?: string } {
  if (!traits.alwaysThinks) return { thinking: { type: 'disabled' } };
  unsupported("this model always thinks: effort 'none' is sent as 'low'");
  return { effort: 'low' };
}

function effortOf(
  effort: ReasoningOptions['effort'],
  traits: ModelTraits,
  unsupported: Unsupported,
): string | undefined {
  if (effort === undefined) return undefined;
  if (!traits.effort) {
    unsupported(`this model takes no effort: '${effort}' is left out, use reasoning.budgetTokens`);
    return undefined;
  }
  if (effort !== 'minimal') return effort;
  unsupported("there is no effort 'minimal': it is sent as 'low'");
  return 'low';
}
