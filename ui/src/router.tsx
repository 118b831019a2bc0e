// The whole route table. Loaders fetch, pages read; every page is loaded when it is
// first visited.
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';

import { inboxQuery } from './api/inbox';
import * as queries from './api/queries';
import { session } from './api/session';
import { Shell } from './features/shell/Shell';
import { ErrorPage, NotFoundPage } from './pages/ErrorPages';
import { paths } from './paths';
import { PageSkeleton } from './ui/Feedback';

interface Context {
  queryClient: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: () => (
    <main>
      <NotFoundPage />
    </main>
  ),
});

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: (search): { next?: string } => {
    const next = text(search.next);
    return next === undefined ? {} : { next };
  },
  component: lazyRouteComponent(() => import('./pages/LoginPage')),
});

const register = createRoute({
  getParentRoute: () => root,
  path: '/register',
  component: lazyRouteComponent(() => import('./pages/RegisterPage')),
});

const oidcCallback = createRoute({
  getParentRoute: () => root,
  path: '/auth/oidc/callback',
  validateSearch: (search): { code?: string; state?: string; error?: string } =>
    Object.fromEntries(
      (['code', 'state', 'error'] as const).flatMap((key) =>
        search[key] === undefined ? [] : [[key, String(search[key])]],
      ),
    ),
  component: lazyRouteComponent(() => import('./pages/OidcCallbackPage')),
});

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: ({ location }) => {
    // The router's redirect is thrown by its own convention.
    if (!session.isSignedIn()) throw redirect({ to: '/login', search: { next: location.href } });
  },
  loader: ({ context }) => context.queryClient.ensureQueryData(queries.meQuery()),
  component: Shell,
});

const projects = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  loader: ({ context }) => context.queryClient.ensureInfiniteQueryData(queries.projectsQuery()),
  component: lazyRouteComponent(() => import('./pages/ProjectsPage')),
});

const newProject = createRoute({
  getParentRoute: () => signedIn,
  path: '/new',
  component: lazyRouteComponent(() => import('./pages/NewProjectPage')),
});

const project = createRoute({
  getParentRoute: () => signedIn,
  path: '/project/$id',
  loader: ({ context, params }) => context.queryClient.ensureQueryData(queries.projectQuery(params.id)),
  component: lazyRouteComponent(() => import('./pages/ProjectPage')),
});

const projectIndex = createRoute({
  getParentRoute: () => project,
  path: '/',
  loader: async ({ context, params }) => {
    const { status } = await context.queryClient.ensureQueryData(queries.projectQuery(params.id));
    const tab = status === 'draft' || status === 'planning' || status === 'ready' ? 'plan' : 'run';
    throw redirect({ to: paths.projectTab(params.id, tab), replace: true });
  },
});

const projectPlan = createRoute({
  getParentRoute: () => project,
  path: '/plan',
  loader: ({ context, params }) => context.queryClient.ensureQueryData(queries.plansQuery(params.id)),
  component: lazyRouteComponent(() => import('./pages/PlanPage')),
});

const projectRun = createRoute({
  getParentRoute: () => project,
  path: '/run',
  loader: ({ context, params }) => context.queryClient.ensureQueryData(queries.tasksQuery(params.id)),
  component: lazyRouteComponent(() => import('./pages/RunPage')),
});

const projectKnowledge = createRoute({
  getParentRoute: () => project,
  path: '/knowledge',
  loader: ({ context, params }) => context.queryClient.ensureQueryData(queries.knowledgeQuery(params.id)),
  component: lazyRouteComponent(() => import('./pages/KnowledgePage')),
});

const projectSettings = createRoute({
  getParentRoute: () => project,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/ProjectSettingsPage')),
});

const task = createRoute({
  getParentRoute: () => signedIn,
  path: '/project/$id/task/$taskId',
  loader: ({ context: { queryClient }, params }) =>
    Promise.all([
      queryClient.ensureQueryData(queries.taskQuery(params.taskId)),
      queryClient.ensureQueryData(queries.projectQuery(params.id)),
    ]),
  component: lazyRouteComponent(() => import('./pages/TaskPage')),
});

const inbox = createRoute({
  getParentRoute: () => signedIn,
  path: '/inbox',
  loader: ({ context }) => context.queryClient.ensureQueryData(inboxQuery()),
  component: lazyRouteComponent(() => import('./pages/InboxPage')),
});

const usage = createRoute({
  getParentRoute: () => signedIn,
  path: '/usage',
  loader: ({ context }) => context.queryClient.ensureQueryData(queries.usageByProjectQuery()),
  component: lazyRouteComponent(() => import('./pages/UsagePage')),
});

const services = createRoute({
  getParentRoute: () => signedIn,
  path: '/services',
  loader: ({ context }) => context.queryClient.ensureQueryData(queries.servicesQuery()),
  component: lazyRouteComponent(() => import('./pages/ServicesPage')),
});

const rag = createRoute({
  getParentRoute: () => signedIn,
  path: '/rag',
  loader: ({ context }) => context.queryClient.ensureQueryData(queries.ragDatabasesQuery()),
  component: lazyRouteComponent(() => import('./pages/RagPage')),
});

const settings = createRoute({
  getParentRoute: () => signedIn,
  path: '/settings',
  loader: ({ context }) => context.queryClient.ensureQueryData(queries.apiKeysQuery()),
  component: lazyRouteComponent(() => import('./pages/SettingsPage')),
});

const admin = createRoute({
  getParentRoute: () => signedIn,
  path: '/admin',
  component: lazyRouteComponent(() => import('./pages/AdminPage')),
});

const analytics = createRoute({
  getParentRoute: () => signedIn,
  path: '/analytics',
  component: lazyRouteComponent(() => import('./pages/AnalyticsPage')),
});

const routeTree = root.addChildren([
  login,
  register,
  oidcCallback,
  signedIn.addChildren([
    projects,
    newProject,
    project.addChildren([projectIndex, projectPlan, projectRun, projectKnowledge, projectSettings]),
    task,
    inbox,
    usage,
    services,
    rag,
    settings,
    admin,
    analytics,
  ]),
]);

export function makeRouter(queryClient: QueryClient) {
  const router = createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultPendingComponent: PageSkeleton,
    defaultPendingMs: 150,
    defaultErrorComponent: ErrorPage,
    defaultNotFoundComponent: NotFoundPage,
  });
  // Signing out, here or in another tab, closes what only signed-in people may see.
  session.subscribe(() => {
    if (!session.isSignedIn()) void router.invalidate();
  });
  return router;
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
