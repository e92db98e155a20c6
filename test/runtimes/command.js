// Runs the smoke file in a runtime with a command line.
import { smoke } from './smoke.js';

const [openaiBaseURL, anthropicBaseURL] = process.argv.slice(2);
console.log(JSON.stringify(await smoke({ openaiBaseURL, anthropicBaseURL })));
process.exit(0);
