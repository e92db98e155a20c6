// Runs all cases in a runtime with a command line.
import { resultsOf } from './check.js';
import { servingCases } from './serving.js';
import { smoke } from './smoke.js';

const [openaiBaseURL, anthropicBaseURL] = process.argv.slice(2);
const { cases, close } = await servingCases();
const results = { ...(await smoke({ openaiBaseURL, anthropicBaseURL })), ...(await resultsOf(cases)) };
await close();
console.log(JSON.stringify(results));
process.exit(0);
