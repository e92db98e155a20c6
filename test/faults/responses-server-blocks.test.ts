import { faultMatrix } from './matrix.ts';

faultMatrix('openai-responses', 'made-web-search');
faultMatrix('openai-responses', 'azure-openai-file-search-tool.1');
