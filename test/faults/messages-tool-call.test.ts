import { faultMatrix } from './matrix.ts';

faultMatrix('anthropic-messages', 'anthropic-tool-no-args');
