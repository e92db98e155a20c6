/** The process of one contestant: it does one scenario, as often as its parent asks, and answers with the numbers. */
import { serve } from '../harness/answering.ts';
import { prepare } from './prepare.ts';

serve(prepare);
