import { faultMatrix } from './matrix.ts';

faultMatrix('openai-chat', 'made-parallel-calls', { step: 3 });
faultMatrix('openai-chat', 'deepseek-tool-call', { tail: 800 });
