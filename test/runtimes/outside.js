// Asks a server of another runtime from outside.
import { resultsOf } from './check.js';
import { clientCases } from './serving.js';

console.log(JSON.stringify(await resultsOf(clientCases(process.argv[2], 'from outside: '))));
process.exit(0);
