// One write: sends it, says what happened, makes what it changed stale.
import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query';

import { toast } from '@/lib/toast';

import { errorText } from './error';

interface Action<I, O> {
  send: (input: I) => Promise<O>;
  /** What becomes stale. */
  stale?: readonly QueryKey[];
  /** Said when it worked. */
  done?: string | ((answer: O) => string);
  onDone?: (answer: O, input: I) => void;
  /** The caller shows the error beside the field instead. */
  isErrorShown?: boolean;
}

export function useAction<I = void, O = unknown>({ send, stale = [], done, onDone, isErrorShown = false }: Action<I, O>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSuccess: (answer, input) => {
      for (const queryKey of stale) void client.invalidateQueries({ queryKey });
      if (done !== undefined) toast.good(typeof done === 'string' ? done : done(answer));
      onDone?.(answer, input);
    },
    onError: (error) => {
      if (!isErrorShown) toast.bad(errorText(error));
      // The state on screen was probably old.
      for (const queryKey of stale) void client.invalidateQueries({ queryKey });
    },
  });
}
