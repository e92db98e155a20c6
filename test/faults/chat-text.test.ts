import { faultMatrix } from './matrix.ts';

faultMatrix('openai-chat', 'mistral-text');
