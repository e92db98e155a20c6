import { faultMatrix } from './matrix.ts';

faultMatrix('openai-responses', 'azure-openai-file-search-tool.1');
