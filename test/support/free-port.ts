import { createServer } from 'node:net';

const HOST = '127.0.0.1';
/**
 * Systems give ports from 32,768 on to those who connect or listen on any port. So nobody else is given one of these before the server of
 * a test listens on it, or while that server is down.
 */
const [FIRST, COUNT] = [11_000, 10_000];

/** A port that is free. `above`: so is the port that many above it. */
export async function freePort(above = 0): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if ((await isFree(port)) && (above === 0 || (await isFree(port + above)))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
