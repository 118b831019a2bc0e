// The frame around every page for people who are signed in: where one can go, what
// waits, who one is.
import { useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import {
  ChartColumn,
  ChartLine,
  Database,
  FolderKanban,
  Inbox,
  LogOut,
  Menu as MenuIcon,
  Moon,
  Plus,
  Search,
  Server,
  Settings,
  Shield,
  Sun,
} from 'lucide-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';

import { meQuery } from '@/api/queries';
import { session } from '@/api/session';
import type { User } from '@/api/types';
import { setTheme, useTheme } from '@/lib/theme';
import { useHotkeys } from '@/lib/useHotkeys';
import { paths } from '@/paths';
import { IconButton } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Logo } from '@/ui/Logo';
import { Toaster } from '@/ui/Toaster';

import { useWaitingCount } from './useWaitingCount';

const Palette = lazy(() => import('./Palette').then((module) => ({ default: module.Palette })));
const Shortcuts = lazy(() => import('./Shortcuts').then((module) => ({ default: module.Shortcuts })));

interface Place {
  to: string;
  label: string;
  icon: ReactNode;
  isAdmin?: boolean;
}

const ICON = 'size-4 shrink-0';

const PLACES: readonly Place[] = [
  { to: paths.projects(), label: 'Projects', icon: <FolderKanban aria-hidden className={ICON} /> },
  { to: paths.inbox(), label: 'Inbox', icon: <Inbox aria-hidden className={ICON} /> },
  { to: paths.usage(), label: 'Usage', icon: <ChartColumn aria-hidden className={ICON} /> },
  { to: paths.services(), label: 'Services', icon: <Server aria-hidden className={ICON} /> },
  { to: paths.rag(), label: 'Knowledge', icon: <Database aria-hidden className={ICON} /> },
  { to: paths.analytics(), label: 'Analytics', icon: <ChartLine aria-hidden className={ICON} />, isAdmin: true },
  { to: paths.admin(), label: 'Admin', icon: <Shield aria-hidden className={ICON} />, isAdmin: true },
  { to: paths.settings(), label: 'Settings', icon: <Settings aria-hidden className={ICON} /> },
];

type Overlay = 'palette' | 'shortcuts' | 'menu' | null;

export function Shell() {
  const me = useSuspenseQuery(meQuery()).data;
  const navigate = useNavigate();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const waiting = useWaitingCount();
  const { shown } = useTheme();
  const go = (to: string) => () => void navigate({ to });

  useHotkeys({
    'mod+k': () => setOverlay('palette'),
    '?': () => setOverlay('shortcuts'),
    c: go(paths.newProject()),
    'g p': go(paths.projects()),
    'g i': go(paths.inbox()),
    'g u': go(paths.usage()),
    'g s': go(paths.services()),
    'g k': go(paths.rag()),
    'g a': go(paths.admin()),
    t: () => setTheme(shown === 'dark' ? 'light' : 'dark'),
  });

  const close = () => setOverlay(null);
  return (
    <div className="lg:grid lg:min-h-dvh lg:grid-cols-[14rem_minmax(0,1fr)]">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-surface focus:px-3 focus:py-2"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col border-r border-line bg-sunken/60 p-3 lg:flex">
        <Brand />
        <SearchButton onClick={() => setOverlay('palette')} />
        <Places me={me} waiting={waiting} />
        <Account me={me} />
      </aside>
      <header className="sticky top-0 z-30 flex h-12 items-center gap-1 border-b border-line bg-page/95 px-2 backdrop-blur lg:hidden">
        <IconButton label="Menu" icon={<MenuIcon aria-hidden className="size-5" />} onClick={() => setOverlay('menu')} />
        <Link to={paths.projects()} aria-label="Projects" className="mr-auto flex items-center gap-2 px-1">
          <Logo className="size-6" />
        </Link>
        <IconButton label="Search" icon={<Search aria-hidden className="size-4" />} onClick={() => setOverlay('palette')} />
        <Link
          to={paths.inbox()}
          aria-label={waiting > 0 ? `Inbox, ${waiting} waiting` : 'Inbox'}
          className="relative grid size-8 place-items-center rounded-md text-text-2 hover:bg-hover"
        >
          <Inbox aria-hidden className="size-4" />
          {waiting > 0 && (
            <span className="absolute -top-0.5 -right-0.5 grid h-4 min-w-4 place-items-center rounded-full bg-accent-fill px-1 text-[0.625rem] font-semibold text-on-accent">
              {waiting}
            </span>
          )}
        </Link>
      </header>
      <main id="main" tabIndex={-1} className="min-w-0 outline-none">
        <Outlet />
      </main>
      {overlay === 'menu' && (
        <Dialog title="Menu" size="sm" onClose={close}>
          <div onClick={close}>
            <Places me={me} waiting={waiting} />
          </div>
          <Account me={me} />
        </Dialog>
      )}
      <Suspense fallback={null}>
        {overlay === 'palette' && <Palette me={me} onClose={close} />}
        {overlay === 'shortcuts' && <Shortcuts onClose={close} />}
      </Suspense>
      <Toaster />
    </div>
  );
}

function Brand() {
  return (
    <Link to={paths.projects()} className="flex items-center gap-2.5 rounded-md px-1.5 py-1">
      <Logo />
      <span className="font-semibold tracking-tight">Orchestration</span>
    </Link>
  );
}

function SearchButton({ onClick }: { onClick: () => void }) {
  return (
    <div className="mt-3 flex gap-1.5">
      <button
        type="button"
        onClick={onClick}
        className="flex h-8 min-w-0 flex-1 items-center gap-2 rounded-md border border-line bg-surface px-2 text-sm text-text-3 shadow-card hover:border-line-strong"
      >
        <Search aria-hidden className="size-3.5" />
        Search
        <kbd className="ml-auto font-sans text-xs">Ctrl K</kbd>
      </button>
      <Link
        to={paths.newProject()}
        aria-label="New project"
        className="grid size-8 place-items-center rounded-md border border-line bg-surface text-text-2 shadow-card hover:border-line-strong hover:text-text"
      >
        <Plus aria-hidden className="size-4" />
      </Link>
    </div>
  );
}

function Places({ me, waiting }: { me: User; waiting: number }) {
  return (
    <nav aria-label="Main" className="mt-3 flex-1 space-y-0.5">
      {PLACES.filter((place) => !place.isAdmin || me.role === 'admin').map(({ to, label, icon }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact: to === paths.projects() }}
          className="flex h-8 items-center gap-2.5 rounded-md px-2 text-text-2 hover:bg-hover hover:text-text"
          activeProps={{ className: '!bg-hover !text-text font-medium' }}
        >
          {icon}
          {label}
          {label === 'Inbox' && waiting > 0 && (
            <span className="ml-auto grid h-5 min-w-5 place-items-center rounded-full bg-accent-fill px-1.5 text-xs font-semibold text-on-accent">
              {waiting}
              <span className="sr-only"> waiting for you</span>
            </span>
          )}
        </Link>
      ))}
    </nav>
  );
}

function Account({ me }: { me: User }) {
  const client = useQueryClient();
  const { shown } = useTheme();
  const isDark = shown === 'dark';
  const signOut = () => {
    session.clear();
    client.clear();
  };
  return (
    <div className="mt-3 flex items-center gap-0.5 border-t border-line pt-3">
      <Link to={paths.settings()} className="flex h-8 min-w-0 flex-1 items-center gap-2 rounded-md px-1.5 hover:bg-hover">
        <span
          aria-hidden
          className="grid size-6 shrink-0 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent-text"
        >
          {(me.display_name[0] ?? '?').toUpperCase()}
        </span>
        <span className="min-w-0 flex-1 truncate text-sm">{me.display_name}</span>
      </Link>
      <IconButton
        label={isDark ? 'Light theme' : 'Dark theme'}
        icon={isDark ? <Sun aria-hidden className="size-4" /> : <Moon aria-hidden className="size-4" />}
        onClick={() => setTheme(isDark ? 'light' : 'dark')}
      />
      <IconButton label="Sign out" icon={<LogOut aria-hidden className="size-4" />} onClick={signOut} />
    </div>
  );
}
