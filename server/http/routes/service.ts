import { shareWithOrigins } from '../guards.ts';
import type { ServerApp, Service } from '../service.ts';
import { askedOf } from '../../callers/asked-of.ts';
import { TICKET_TTL_MS, newTicket } from '../../callers/tickets.ts';

/** `GET /health` and `GET /ready`, for whoever looks after the server. They need no token. */
export function healthRoutes(app: ServerApp, service: Service): void {
  const { name } = service.settings;
  app.get('/health', (c) => {
    shareWithOrigins(c, service);
    return c.json({ status: 'ok', agent: name, time: new Date().toISOString() });
  });
  app.get('/ready', (c) => {
    shareWithOrigins(c, service);
    return service.isDraining ? c.json({ status: 'draining' }, 503) : c.json({ status: 'ready' });
  });
}

/** `GET /metrics`, `GET {base}/agent/metadata` and `POST {base}/tickets`. */
export function serviceRoutes(app: ServerApp, service: Service): void {
  const { settings, metrics, table, tickets } = service;
  const { basePath, name, description } = settings;
  if (settings.metrics)
    app.get('/metrics', () => {
      const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
      return new Response(metrics.text(), { headers });
    });
  app.get(`${basePath}/agent/metadata`, (c) =>
    c.json({
      name,
      description,
      model: table.first.model,
      capabilities: {
        streaming: true,
        tools: [...table.first.tools],
        conversations: true,
        websocket: true,
        get_stream: settings.getStream,
      },
      endpoints: endpointsOf(basePath),
      pipelines: table.all.map((served) => ({
        name: served.name,
        description: served.description,
        model: served.model,
        models: served.models,
        tools: [...served.tools],
      })),
    }),
  );
  app.post(`${basePath}/tickets`, async (c) => {
    const ticket = newTicket();
    await askedOf('store of tickets', () => tickets.put(ticket, c.var.caller, TICKET_TTL_MS));
    return c.json({ ticket, expires_in: TICKET_TTL_MS / 1_000 }, 201);
  });
}

function endpointsOf(base: string): Record<string, string> {
  return {
    run: `${base}/agent/run`,
    stream: `${base}/agent/stream`,
    conversations: `${base}/conversations`,
    tickets: `${base}/tickets`,
    websocket: '/ws',
    chat_completions: '/v1/chat/completions',
    responses: '/v1/responses',
    messages: '/v1/messages',
    models: '/v1/models',
  };
}
