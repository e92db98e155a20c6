// Starts a server that does not stop by itself, and leaves without closing it: `node leaving.ts FILE`.
import { fileURLToPath } from 'node:url';
import { mcpTools } from '../../../interop/mcp/index.ts';

const program = fileURLToPath(new URL('hostile-process.ts', import.meta.url));
await mcpTools({ command: process.execPath, args: [program, 'stubborn', process.argv[2] ?? ''] });
process.exit(0);
