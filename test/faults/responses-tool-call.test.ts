import { faultMatrix } from './matrix.ts';

faultMatrix('openai-responses', 'made-parallel-calls', { step: 3 });
faultMatrix('openai-responses', 'open-responses-lmstudio-tool-call.1', { tail: 800 });
