import { faultMatrix } from './matrix.ts';

faultMatrix('openai-chat', 'made-text', { over: 'HTTP/2' });
faultMatrix('openai-chat', 'made-parallel-calls', { over: 'HTTP/2', step: 7 });
faultMatrix('openai-chat', 'deepseek-tool-call', { over: 'HTTP/2', step: 29 });
