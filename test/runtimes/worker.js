// Runs the smoke file in a Worker.
import { smoke } from './smoke.js';

export default {
  async fetch(request) {
    const { openaiBaseURL, anthropicBaseURL } = await request.json();
    return Response.json(await smoke({ openaiBaseURL, anthropicBaseURL }));
  },
};
