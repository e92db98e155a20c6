// Serves tools over standard input and output.
import { served } from './served.ts';

await served().stdio();
process.stderr.write('The client has gone.\n');
