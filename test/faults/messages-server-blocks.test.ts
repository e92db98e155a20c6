import { faultMatrix } from './matrix.ts';

faultMatrix('anthropic-messages', 'made-web-search', { step: 3 });
faultMatrix('anthropic-messages', 'anthropic-code-execution-20260120-prompt-cache.1');
