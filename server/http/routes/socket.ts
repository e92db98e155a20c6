import { RequestError } from '../../requests/request-error.ts';
import type { ServerApp, Service } from '../service.ts';
import { SocketSession } from '../socket-session.ts';
import { wanted } from './agent.ts';

/** The plain subprotocol: the others carry what nobody else is to see, and are not told back. */
const SUBPROTOCOL = 'sluice';

const PROTOCOL_HEADER = 'sec-websocket-protocol';

/** `GET /ws`: turns over a WebSocket, several on one connection. */
export function socketRoutes(app: ServerApp, service: Service): void {
  app.get('/ws', async (c) => {
    const upgrade = service.settings.upgradeWebSocket ?? c.env?.upgradeWebSocket;
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket')
      throw new RequestError('invalid_request', 'This address is for WebSockets.', { status: 426 });
    if (upgrade === undefined)
      throw new RequestError('not_found', 'This server has no WebSockets: take server-sent events.', {
        status: 404,
      });
    const session = new SocketSession(c, service, wanted(c, service));
    // Browsers hang up if they offer subprotocols and none is taken. Each runtime has another way to say which.
    const offered = c.req.header(PROTOCOL_HEADER)?.split(',') ?? [];
    const protocol = offered.some((one) => one.trim() === SUBPROTOCOL) ? SUBPROTOCOL : undefined;
    const response = await upgrade(c, session.events, protocol === undefined ? {} : { protocol });
    if (response.status === 101 && protocol !== undefined && !response.headers.has(PROTOCOL_HEADER))
      response.headers.set(PROTOCOL_HEADER, protocol);
    return response;
  });
}
