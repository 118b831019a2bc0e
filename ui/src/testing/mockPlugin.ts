// Serves the mock server from Vite, in development and for the built pages, with the
// content policy that the real server sends.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';

import type { Plugin } from 'vite';

import { MockServer } from './mockServer';

export const CONTENT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const TICK_MS = 400;

type Next = () => void;

export function mockApi(): Plugin {
  const server = new MockServer();
  const serve = async (request: IncomingMessage, response: ServerResponse, next: Next) => {
    if (!request.url?.startsWith('/api')) {
      next();
      return;
    }
    await answer(server, request, response);
  };
  const tick = () => {
    const timer = setInterval(() => server.world.tick(), TICK_MS);
    timer.unref();
  };
  return {
    name: 'mock-api',
    configureServer(vite) {
      tick();
      vite.middlewares.use((request, response, next) => void serve(request, response, next));
    },
    configurePreviewServer(vite) {
      tick();
      vite.middlewares.use((request, response, next) => {
        response.setHeader('Content-Security-Policy', CONTENT_POLICY);
        void serve(request, response, next);
      });
    },
  };
}

async function answer(server: MockServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) if (typeof value === 'string') headers.set(name, value);
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
  const result = await server.handle(
    new Request(`http://127.0.0.1${request.url ?? '/'}`, {
      method: request.method ?? 'GET',
      headers,
      ...(hasBody && { body: await bodyOf(request) }),
    }),
  );
  response.writeHead(result.status, Object.fromEntries(result.headers));
  if (!result.body) {
    response.end();
    return;
  }
  const body = Readable.fromWeb(result.body as ReadableStream);
  response.on('close', () => body.destroy());
  body.on('error', () => response.end());
  body.pipe(response);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
