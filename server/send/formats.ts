import { SluiceError } from '../../src/index.ts';
import { agUiFormat } from '../formats/ag-ui.ts';
import { agentFormat } from '../formats/agent.ts';
import { anthropicFormat } from '../formats/anthropic.ts';
import { chatCompletions } from '../formats/chat-completions.ts';
import type { Format } from '../formats/format.ts';
import { responses } from '../formats/responses.ts';
import { sluiceFormat } from '../formats/sluice.ts';
import { uiMessageFormat } from '../formats/ui-message.ts';

const FORMATS = {
  sluice: sluiceFormat,
  agent: agentFormat,
  openai: chatCompletions,
  'openai-responses': responses,
  anthropic: anthropicFormat,
  'ui-message': uiMessageFormat,
  'ag-ui': agUiFormat,
} satisfies Record<string, Format>;

/** The names of the formats. */
export type FormatName = keyof typeof FORMATS;

/** The format of a name, or the one that was given. Throws `invalid_options`. */
export function formatOf(format: FormatName | Format): Format {
  if (typeof format !== 'string') return format;
  if (isFormatName(format)) return FORMATS[format];
  const names = Object.keys(FORMATS).join(', ');
  throw new SluiceError('invalid_options', `format is not one of the formats: give one of ${names}.`);
}

/** Whether a text is the name of a format. */
export function isFormatName(name: string): name is FormatName {
  return Object.hasOwn(FORMATS, name);
}
