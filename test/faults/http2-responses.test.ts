import { faultMatrix } from './matrix.ts';

faultMatrix('openai-responses', 'made-web-search', { over: 'HTTP/2', step: 3 });
faultMatrix('openai-responses', 'open-responses-lmstudio-tool-call.1', { over: 'HTTP/2', step: 29 });
