// The one door to the server: adds the token, refreshes it once when it has run
// out, and turns every failure into an `ApiError`.
import { ApiError, errorOf } from './error';
import { session } from './session';
import type { Tokens } from './types';

export type Query = Record<string, string | number | boolean | undefined>;

interface Options {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) =>
    call<T>('GET', path, { ...(query && { query }), ...(signal && { signal }) }),
  post: <T>(path: string, body?: unknown, headers?: Record<string, string>) =>
    call<T>('POST', path, { body: body ?? {}, ...(headers && { headers }) }),
  patch: <T>(path: string, body: unknown) => call<T>('PATCH', path, { body }),
  delete: <T = undefined>(path: string) => call<T>('DELETE', path, {}),
};

async function call<T>(method: string, path: string, options: Options): Promise<T> {
  const response = await authorised(addressOf(path, options.query), {
    method,
    headers: {
      ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal && { signal: options.signal }),
  });
  if (!response.ok) throw await errorOf(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** Also used by the event stream, which reads the body itself. */
export async function authorised(address: string, init: RequestInit): Promise<Response> {
  const token = session.access();
  const first = await send(address, init, token);
  if (first.status !== 401 || token === null) return first;
  const fresh = await refreshed(token);
  return fresh === null ? first : send(address, init, fresh);
}

async function send(address: string, init: RequestInit, token: string | null): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token !== null) headers.set('Authorization', `Bearer ${token}`);
  try {
    return await fetch(address, { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('The server does not answer. Is it running?', 0, 'unreachable');
  }
}

let refreshing: Promise<string | null> | null = null;

/** A token other than `stale`, or `null` when the session has ended. Requests share one refresh. */
function refreshed(stale: string): Promise<string | null> {
  const current = session.access();
  // Another request, or another tab, was faster.
  if (current !== null && current !== stale) return Promise.resolve(current);
  refreshing ??= refresh().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function refresh(): Promise<string | null> {
  const token = session.refresh();
  if (token === null) {
    session.clear();
    return null;
  }
  const response = await send(
    '/api/auth/refresh',
    {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ refresh_token: token }),
    },
    null,
  );
  if (response.ok) {
    const tokens = (await response.json()) as Tokens;
    session.set(tokens);
    return tokens.access_token;
  }
  // A refusal ends the session, unless another tab has used the token meanwhile. A
  // server that is overloaded or restarting does not sign anybody out.
  if (response.status === 401 && session.refresh() === token) session.clear();
  return null;
}

export function addressOf(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(key, String(value));
  }
  const text = search.toString();
  return `/api${path}${text === '' ? '' : `?${text}`}`;
}
