// One button per configured identity provider; nothing when there is none.
import { useQuery } from '@tanstack/react-query';

import { api } from '@/api/client';
import { oidcProvidersQuery } from '@/api/queries';
import type { OidcLogin } from '@/api/types';
import { useAction } from '@/api/useAction';
import { paths } from '@/paths';
import { Button } from '@/ui/Button';

export function oidcReturnAddress(): string {
  return `${window.location.origin}${paths.oidcCallback()}`;
}

export function OidcButtons() {
  const providers = useQuery(oidcProvidersQuery()).data ?? [];
  const begin = useAction<string, OidcLogin>({
    send: (name) => api.get(`/auth/oidc/${encodeURIComponent(name)}/login`, { redirect_uri: oidcReturnAddress() }),
    onDone: ({ authorization_url, state_token }, name) => {
      sessionStorage.setItem('oidc_state_token', state_token);
      sessionStorage.setItem('oidc_provider', name);
      window.location.assign(authorization_url);
    },
  });
  if (providers.length === 0) return null;
  return (
    <div className="mt-5 space-y-2 border-t border-line pt-5">
      {providers.map(({ name, display_name }) => (
        <Button key={name} className="w-full" isBusy={begin.isPending} onClick={() => begin.mutate(name)}>
          Continue with {display_name}
        </Button>
      ))}
    </div>
  );
}
