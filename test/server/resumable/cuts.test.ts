import { memoryLog } from '../../../server/log/memory-log.ts';
import { cuts } from './cuts.ts';
import { trimmedCuts } from './trimmed-cuts.ts';

cuts(() => Promise.resolve(memoryLog()));
trimmedCuts(() => Promise.resolve(memoryLog({ maxStreamBytes: 12_000 })));
