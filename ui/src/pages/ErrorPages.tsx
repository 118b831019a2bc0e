// What is shown when a page cannot be: not there, not allowed, or broken.
import { Link, useRouter } from '@tanstack/react-router';
import { Compass, Lock, TriangleAlert, Unplug } from 'lucide-react';

import { ApiError, errorText } from '@/api/error';
import { session } from '@/api/session';
import { paths } from '@/paths';
import { Button, buttonClass } from '@/ui/Button';
import { EmptyState } from '@/ui/Feedback';

function Home() {
  return (
    <Link to={paths.projects()} className={buttonClass('plain')}>
      All projects
    </Link>
  );
}

export function NotFoundPage() {
  return (
    <div className="grid min-h-[70dvh] place-items-center">
      <title>Not found · Orchestration Engine</title>
      <EmptyState isHeading title="There is no such page" icon={<Compass aria-hidden className="size-5" />} action={<Home />}>
        The address may be old or mistyped. What you look for may have been deleted.
      </EmptyState>
    </div>
  );
}

export function NotAllowed() {
  return (
    <div className="grid min-h-[70dvh] place-items-center">
      <EmptyState isHeading title="This is not for you to see" icon={<Lock aria-hidden className="size-5" />} action={<Home />}>
        Only administrators, or the owner of the project, can open this page. An administrator can change your role.
      </EmptyState>
    </div>
  );
}

export function ErrorPage({ error }: { error: unknown }) {
  const router = useRouter();
  const status = error instanceof ApiError ? error.status : null;
  if (status === 404) return <NotFoundPage />;
  if (status === 403) return <NotAllowed />;
  if (status === 401) {
    return (
      <div className="grid min-h-[70dvh] place-items-center">
        <EmptyState
        isHeading
          title="You are signed out"
          icon={<Lock aria-hidden className="size-5" />}
          action={
            <Button
              kind="primary"
              onClick={() => {
                session.clear();
                void router.invalidate();
              }}
            >
              Sign in
            </Button>
          }
        >
          Your session has ended. Nothing is lost: sign in and go on.
        </EmptyState>
      </div>
    );
  }
  const isUnreachable = status === 0;
  return (
    <div role="alert" className="grid min-h-[70dvh] place-items-center">
      <EmptyState
        isHeading
        title={isUnreachable ? 'The server does not answer' : 'This page failed'}
        icon={isUnreachable ? <Unplug aria-hidden className="size-5" /> : <TriangleAlert aria-hidden className="size-5" />}
        action={
          <Button kind="primary" onClick={() => void router.invalidate()}>
            Try again
          </Button>
        }
      >
        {errorText(error)}
      </EmptyState>
    </div>
  );
}
