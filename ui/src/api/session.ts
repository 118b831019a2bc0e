// Who is signed in: the two tokens in localStorage, under the prototype's keys, so
// that a session made by either interface works in the other.
const ACCESS = 'orch_access_token';
const REFRESH = 'orch_refresh_token';

const listeners = new Set<() => void>();

function changed(): void {
  for (const listener of listeners) listener();
}

export const session = {
  access: (): string | null => localStorage.getItem(ACCESS),
  refresh: (): string | null => localStorage.getItem(REFRESH),
  isSignedIn: (): boolean => localStorage.getItem(ACCESS) !== null,

  set(tokens: { access_token: string; refresh_token: string }): void {
    localStorage.setItem(ACCESS, tokens.access_token);
    localStorage.setItem(REFRESH, tokens.refresh_token);
    changed();
  },

  clear(): void {
    localStorage.removeItem(ACCESS);
    localStorage.removeItem(REFRESH);
    changed();
  },

  /** Called when this tab or another signs in or out. */
  subscribe(listener: () => void): () => void {
    const onStorage = (event: StorageEvent) => {
      if (event.key === ACCESS || event.key === null) listener();
    };
    listeners.add(listener);
    window.addEventListener('storage', onStorage);
    return () => {
      listeners.delete(listener);
      window.removeEventListener('storage', onStorage);
    };
  },
};
