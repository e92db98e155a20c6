import { faultMatrix } from './matrix.ts';

faultMatrix('openai-chat', 'made-parallel-calls');
faultMatrix('openai-chat', 'deepseek-tool-call', { tail: 800 });
