// Every page of the mock world, for the tests that look at all of them.
import type { Page } from '@playwright/test';

export interface Place {
  name: string;
  path: string;
  /** Something that is there once the page is. */
  ready: string;
  isPublic?: boolean;
  /** The world it is seen in. */
  seed?: 'fresh';
  /** What is chosen before looking. */
  stored?: Record<string, string>;
}

const DATABASE = '/project/prj_database';

export const PLACES: readonly Place[] = [
  { name: 'login', path: '/login', ready: 'Sign in', isPublic: true },
  { name: 'register', path: '/register', ready: 'Create account', isPublic: true },
  { name: 'register-first', path: '/register', ready: 'Create the administrator', isPublic: true, seed: 'fresh' },
  { name: 'oidc-callback', path: '/auth/oidc/callback?code=x&state=y', ready: 'Back to sign in', isPublic: true },
  { name: 'projects-table', path: '/', ready: 'Hello, world' },
  { name: 'projects-cards', path: '/', ready: 'Hello, world', stored: { orch_projects_view: 'cards' } },
  { name: 'new-project', path: '/new', ready: 'Create and plan' },
  { name: 'plan-graph', path: '/project/prj_handbook/plan', ready: 'Approve version 2' },
  { name: 'plan-table', path: '/project/prj_handbook/plan', ready: 'Approve version 2', stored: { orch_plan_view: 'table' } },
  { name: 'run-list', path: `${DATABASE}/run`, ready: 'Study PowerSync' },
  { name: 'run-graph', path: `${DATABASE}/run`, ready: 'Running now', stored: { orch_run_view: 'graph' } },
  { name: 'run-timeline', path: `${DATABASE}/run`, ready: 'Bands are waves.', stored: { orch_run_view: 'timeline' } },
  { name: 'run-wide', path: '/project/prj_wide/run', ready: 'Running now', stored: { orch_run_view: 'graph' } },
  { name: 'project-knowledge', path: `${DATABASE}/knowledge`, ready: 'Durability weighs most' },
  { name: 'project-settings', path: `${DATABASE}/settings`, ready: 'Delete the project' },
  { name: 'task-completed', path: `${DATABASE}/task/prj_database-t2`, ready: 'What I found' },
  { name: 'task-needs-review', path: `${DATABASE}/task/prj_database-t3`, ready: 'It needs you' },
  { name: 'task-failed', path: `${DATABASE}/task/prj_database-x2`, ready: 'The provider refused' },
  { name: 'inbox', path: '/inbox', ready: 'Study PowerSync' },
  { name: 'usage', path: '/usage', ready: 'By project' },
  { name: 'services', path: '/services', ready: 'Anthropic API' },
  { name: 'rag', path: '/rag', ready: 'Before the lathe' },
  { name: 'admin', path: '/admin', ready: 'Tasks by state' },
  { name: 'analytics', path: '/analytics', ready: 'How long waves take' },
  { name: 'settings', path: '/settings', ready: 'Nightly build' },
  { name: 'not-found', path: '/nowhere', ready: 'There is no such page' },
];

export const THEMES = ['light', 'dark'] as const;

export async function open(page: Page, place: Place, theme: (typeof THEMES)[number]): Promise<void> {
  const reset = await page.request.post(`/api/__mock/reset?seed=${place.seed ?? 'demo'}`);
  if (!reset.ok()) throw new Error('this needs the mock server');
  let tokens = {};
  if (!place.isPublic) {
    const login = await page.request.post('/api/auth/login', {
      data: { email: 'demo@example.com', password: 'demo-password' },
    });
    const { access_token, refresh_token } = (await login.json()) as Record<string, string>;
    tokens = { orch_access_token: access_token, orch_refresh_token: refresh_token };
  }
  await page.addInitScript(
    (items: Record<string, string>) => {
      for (const [key, value] of Object.entries(items)) localStorage.setItem(key, value);
    },
    { ...tokens, ...place.stored, 'orchestration-theme': theme },
  );
  await page.goto(place.path);
  await page.getByText(place.ready).first().waitFor();
  await page.waitForLoadState('networkidle', { timeout: 1_500 }).catch(() => undefined);
}
