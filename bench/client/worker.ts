/** The process of one contestant. It does a run of its scenario whenever its parent asks, and answers with the result. */
import { serve } from '../harness/answering.ts';
import { prepare } from './prepare.ts';

serve(prepare);
