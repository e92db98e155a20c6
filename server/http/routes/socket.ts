import { RequestError } from '../../requests/request-error.ts';
import type { ServerApp, Service } from '../service.ts';
import { SocketSession } from '../socket-session.ts';
import { wanted } from './agent.ts';

/** `GET /ws`: turns over a WebSocket, several on one connection. */
export function socketRoutes(app: ServerApp, service: Service): void {
  app.get('/ws', async (c) => {
    const upgrade = service.settings.upgradeWebSocket ?? c.env?.upgradeWebSocket;
    if (upgrade === undefined || c.req.header('upgrade')?.toLowerCase() !== 'websocket')
      throw new RequestError('invalid_request', 'This address is for WebSockets.', { status: 426 });
    const session = new SocketSession(c, service, wanted(c, service));
    return upgrade(c, session.events);
  });
}
