import { useQuery } from '@tanstack/react-query';
import { Link, Navigate, useSearch } from '@tanstack/react-router';

import { api } from '@/api/client';
import { errorText } from '@/api/error';
import { session } from '@/api/session';
import type { LoginResponse } from '@/api/types';
import { AuthFrame } from '@/features/auth/AuthFrame';
import { oidcReturnAddress } from '@/features/auth/OidcButtons';
import { paths } from '@/paths';
import { Note, Skeleton } from '@/ui/Feedback';

async function finish(code: string, state: string): Promise<true> {
  const provider = sessionStorage.getItem('oidc_provider');
  const stateToken = sessionStorage.getItem('oidc_state_token');
  sessionStorage.removeItem('oidc_provider');
  sessionStorage.removeItem('oidc_state_token');
  if (provider === null || stateToken === null || code === '') {
    throw new Error('This sign-in was not started here, or was finished already. Start again.');
  }
  const answer = await api.post<LoginResponse>(`/auth/oidc/${encodeURIComponent(provider)}/callback`, {
    code,
    state,
    state_token: stateToken,
    redirect_uri: oidcReturnAddress(),
  });
  session.set(answer);
  return true;
}

export default function OidcCallbackPage() {
  const { code = '', state = '', error } = useSearch({ from: '/auth/oidc/callback' });
  // A query, so that strict mode's second mount shares the one exchange.
  const exchange = useQuery({
    queryKey: ['oidc-callback', code],
    queryFn: () => finish(code, state),
    enabled: error === undefined,
    retry: false,
    staleTime: Infinity,
  });
  if (exchange.isSuccess) return <Navigate to={paths.projects()} />;
  const problem = error ?? (exchange.isError ? errorText(exchange.error) : null);
  return (
    <AuthFrame title="Signing you in">
      {problem === null ? (
        <div role="status" aria-label="Signing in">
          <Skeleton className="h-10" />
        </div>
      ) : (
        <>
          <Note tone="bad">{problem}</Note>
          <Link to={paths.login()} className="mt-4 inline-block text-sm font-medium text-accent-text hover:underline">
            Back to sign in
          </Link>
        </>
      )}
    </AuthFrame>
  );
}
