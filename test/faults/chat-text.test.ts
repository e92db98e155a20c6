import { faultMatrix } from './matrix.ts';

faultMatrix('openai-chat', 'made-text');
faultMatrix('openai-chat', 'mistral-text');
