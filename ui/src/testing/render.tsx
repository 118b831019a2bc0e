// Shows the real application at an address, signed in as the demo account.
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { render } from '@testing-library/react';

import { makeQueryClient } from '@/api/queryClient';
import { session } from '@/api/session';
import { makeRouter } from '@/router';

import { mock } from './mock';

export function signIn(email = 'demo@example.com'): void {
  const account = mock.world.accounts.find((each) => each.email === email);
  if (!account) throw new Error(`no account ${email}`);
  session.set({ access_token: `access-${account.id}`, refresh_token: `refresh-${account.id}` });
}

export function showApp(path: string) {
  window.history.pushState({}, '', path);
  const client = makeQueryClient();
  const router = makeRouter(client);
  render(
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  return { client, router };
}
