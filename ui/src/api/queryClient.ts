// How reads behave: one quiet second try for what may pass by itself, none for
// refusals; a full minute's pause is honoured when the server asks for one.
import { QueryClient } from '@tanstack/react-query';

import { ApiError } from './error';

const RETRY_WAIT_MAX_SECONDS = 20;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => failures < 2 && isPassing(error),
        retryDelay: (failures, error) => waitSeconds(failures, error) * 1000,
      },
    },
  });
}

function isPassing(error: Error): boolean {
  if (!(error instanceof ApiError)) return false;
  if (error.status === 429) return (error.retryAfterSeconds ?? 1) <= RETRY_WAIT_MAX_SECONDS;
  return error.status === 0 || error.status === 502 || error.status === 503;
}

function waitSeconds(failures: number, error: Error): number {
  const asked = error instanceof ApiError ? error.retryAfterSeconds : null;
  return asked ?? Math.min(4, 2 ** failures);
}
