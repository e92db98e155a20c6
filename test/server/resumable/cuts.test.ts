import { memoryLog } from '../../../server/log/memory-log.ts';
import { cuts } from './cuts.ts';

cuts(() => Promise.resolve(memoryLog()));
