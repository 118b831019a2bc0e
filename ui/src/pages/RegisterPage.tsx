import { useQuery } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';

import { api } from '@/api/client';
import { errorText } from '@/api/error';
import { setupQuery } from '@/api/queries';
import { session } from '@/api/session';
import type { LoginResponse, RegisterResponse } from '@/api/types';
import { useAction } from '@/api/useAction';
import { AuthFrame } from '@/features/auth/AuthFrame';
import { OidcButtons } from '@/features/auth/OidcButtons';
import { paths } from '@/paths';
import { Button } from '@/ui/Button';
import { Note } from '@/ui/Feedback';
import { TextField } from '@/ui/Field';

interface Input {
  email: string;
  password: string;
  display_name: string;
}

/** Our server sends tokens with the new user; the prototype wants a second request. */
async function register(input: Input): Promise<{ access_token: string; refresh_token: string }> {
  const { access_token, refresh_token } = await api.post<RegisterResponse>('/auth/register', input);
  if (access_token !== undefined && refresh_token !== undefined) return { access_token, refresh_token };
  return api.post<LoginResponse>('/auth/login', { email: input.email, password: input.password });
}

export default function RegisterPage() {
  const router = useRouter();
  const setup = useQuery(setupQuery()).data;
  const create = useAction({
    send: register,
    stale: [['setup']],
    isErrorShown: true,
    onDone: (tokens) => {
      session.set(tokens);
      router.history.push(paths.projects());
    },
  });
  const isFirst = setup?.needs_first_user === true;
  return (
    <AuthFrame
      title={isFirst ? 'Welcome' : 'Create an account'}
      intro={
        isFirst
          ? 'You are the first here, so this account becomes the administrator of this server.'
          : setup === null && 'The first account on a server becomes its administrator.'
      }
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const text = (name: string) => String(form.get(name) ?? '');
          create.mutate({ email: text('email'), password: text('password'), display_name: text('name') });
        }}
      >
        <TextField label="Name" name="name" autoComplete="name" hint="Optional; shown to other people." autoFocus />
        <TextField label="Email" name="email" type="email" autoComplete="username" required />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          minLength={8}
          required
          hint="At least 8 characters."
        />
        {create.isError && <Note tone="bad">{errorText(create.error)}</Note>}
        {setup?.registration_open === false && <Note>Registration is closed. An administrator can open it.</Note>}
        <Button type="submit" kind="primary" size="lg" className="w-full" isBusy={create.isPending}>
          {isFirst ? 'Create the administrator' : 'Create account'}
        </Button>
      </form>
      <OidcButtons />
      {!isFirst && (
        <p className="mt-5 text-sm text-text-2">
          Have an account?{' '}
          <Link to={paths.login()} className="font-medium text-accent-text underline-offset-2 hover:underline">
            Sign in
          </Link>
        </p>
      )}
    </AuthFrame>
  );
}
