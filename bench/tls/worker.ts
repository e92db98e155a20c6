/** The process of one entrant that measures its first chunks. */
import { serve } from '../harness/answering.ts';
import { prepareFirstChunks } from './first-chunks.ts';

serve(prepareFirstChunks);
