import { faultMatrix } from './matrix.ts';

faultMatrix('anthropic-messages', 'made-thinking-calls');
faultMatrix('anthropic-messages', 'anthropic-tool-no-args');
