import type { ModelRequest, OutputSupport } from '../../../src/index.ts';
import { modelTraits } from './model-traits.ts';

/** What is needed of the provider's options. */
interface SupportSettings {
  readonly model: string;
  readonly budgetTokens: number | undefined;
}

/**
 * How a model can be made to answer in a given shape. A name that does not say which Claude it is counts as one of another server that imitates the API, which takes tools.
 *
 * Sources: https://platform.claude.com/docs/en/build-with-claude/structured-outputs, in a copy of September 2026 (models from 4.5 on; with strict tools in the same request). That a forced tool is refused while
 * the model thinks is in the page "Extended thinking", which was not read again.
 */
export function outputSupport(request: ModelRequest, settings: SupportSettings): OutputSupport {
  const model = request.model ?? settings.model;
  const { hasSchemas, alwaysThinks } = modelTraits(model);
  const { reasoning } = request.parameters;
  const asks = reasoning?.budgetTokens ?? settings.budgetTokens ?? reasoning?.effort;
  const thinks = alwaysThinks || (asks !== undefined && reasoning?.effort !== 'none');
  const native = hasSchemas ? 'with-tools' : 'none';
  return { dialect: 'anthropic', native, tools: 'unless-thinking', thinks };
}
