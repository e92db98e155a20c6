import { createServer } from 'node:http';
import type { McpToolServer } from 'sluice/interop/mcp-server';

/** Serves over a socket of this machine. */
export async function listen(server: McpToolServer) {
  const handler = await server.nodeHandler();
  const http = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  const url = new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`);
  return {
    url,
    async [Symbol.asyncDispose]() {
      await server.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
