// Short messages after an action. Own store: libraries for this add <style> tags at
// run time, which the strict content policy forbids.

export interface Toast {
  id: number;
  kind: 'good' | 'bad' | 'info';
  text: string;
}

const SHOWN_MS = 5_000;
const ERRORS_SHOWN_MS = 9_000;

let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function show(kind: Toast['kind'], text: string): void {
  lastId += 1;
  const id = lastId;
  set([...toasts.slice(-3), { id, kind, text }]);
  setTimeout(() => toast.dismiss(id), kind === 'bad' ? ERRORS_SHOWN_MS : SHOWN_MS);
}

export const toast = {
  good: (text: string) => show('good', text),
  bad: (text: string) => show('bad', text),
  info: (text: string) => show('info', text),
  dismiss: (id: number) => set(toasts.filter((each) => each.id !== id)),
  snapshot: () => toasts,
  subscribe: (listener: () => void) => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
};
