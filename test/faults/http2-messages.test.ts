import { faultMatrix } from './matrix.ts';

faultMatrix('anthropic-messages', 'made-thinking-calls', { over: 'HTTP/2', step: 3 });
faultMatrix('anthropic-messages', 'anthropic-tool-no-args', { over: 'HTTP/2', step: 29 });
