// The clock as something one can subscribe to: one timer for the whole page.
import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;
let now = Math.floor(Date.now() / 1000);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Math.floor(Date.now() / 1000);
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/** Seconds since 1970, every `everySeconds` seconds. */
export function useNow(everySeconds = 1): number {
  const read = () => {
    const current = timer === null ? Math.floor(Date.now() / 1000) : now;
    return current - (current % everySeconds);
  };
  return useSyncExternalStore(subscribe, read);
}
