// Runs the cases in a Worker, and serves: what other programs ask is for its server.
import { upgradeWebSocket } from 'hono/cloudflare-workers';
import { resultsOf } from './check.js';
import { fetchCases, serverWith } from './serving.js';
import { smoke } from './smoke.js';

const server = serverWith(upgradeWebSocket);

export default {
  async fetch(request) {
    if (new globalThis.URL(request.url).pathname !== '/cases') return server.fetch(request);
    const { openaiBaseURL, anthropicBaseURL } = await request.json();
    return Response.json({
      ...(await smoke({ openaiBaseURL, anthropicBaseURL })),
      ...(await resultsOf(fetchCases())),
    });
  },
};
