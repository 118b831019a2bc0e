import { useQuery } from '@tanstack/react-query';
import { Link, Navigate, useRouter, useSearch } from '@tanstack/react-router';

import { api } from '@/api/client';
import { errorText } from '@/api/error';
import { setupQuery } from '@/api/queries';
import { session } from '@/api/session';
import type { LoginResponse } from '@/api/types';
import { useAction } from '@/api/useAction';
import { AuthFrame } from '@/features/auth/AuthFrame';
import { OidcButtons } from '@/features/auth/OidcButtons';
import { paths, safeReturn } from '@/paths';
import { Button } from '@/ui/Button';
import { Note } from '@/ui/Feedback';
import { TextField } from '@/ui/Field';

export default function LoginPage() {
  const router = useRouter();
  const { next } = useSearch({ from: '/login' });
  const setup = useQuery(setupQuery()).data;
  const login = useAction<{ email: string; password: string }, LoginResponse>({
    send: (input) => api.post('/auth/login', input),
    isErrorShown: true,
    onDone: (answer) => {
      session.set(answer);
      router.history.push(safeReturn(next));
    },
  });
  if (setup?.needs_first_user) return <Navigate to={paths.register()} />;
  return (
    <AuthFrame title="Sign in">
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          login.mutate({ email: String(form.get('email')), password: String(form.get('password')) });
        }}
      >
        <TextField label="Email" name="email" type="email" autoComplete="username" required autoFocus />
        <TextField label="Password" name="password" type="password" autoComplete="current-password" required />
        {login.isError && <Note tone="bad">{errorText(login.error)}</Note>}
        <Button type="submit" kind="primary" size="lg" className="w-full" isBusy={login.isPending}>
          Sign in
        </Button>
      </form>
      <OidcButtons />
      {setup?.registration_open !== false && (
        <p className="mt-5 text-sm text-text-2">
          New here?{' '}
          <Link to={paths.register()} className="font-medium text-accent-text underline-offset-2 hover:underline">
            Create an account
          </Link>
        </p>
      )}
    </AuthFrame>
  );
}
