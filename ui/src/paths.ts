// Every address of the application, spelled once. The prototype's addresses stay,
// so that old bookmarks and links in messages go on working.

export type ProjectTab = 'plan' | 'run' | 'knowledge' | 'settings';

const part = encodeURIComponent;

export const paths = {
  login: () => '/login',
  register: () => '/register',
  oidcCallback: () => '/auth/oidc/callback',
  projects: () => '/',
  newProject: () => '/new',
  project: (id: string) => `/project/${part(id)}`,
  projectTab: (id: string, tab: ProjectTab) => `/project/${part(id)}/${tab}`,
  task: (id: string, taskId: string) => `/project/${part(id)}/task/${part(taskId)}`,
  inbox: () => '/inbox',
  usage: () => '/usage',
  services: () => '/services',
  rag: () => '/rag',
  admin: () => '/admin',
  analytics: () => '/analytics',
  settings: () => '/settings',
} as const;

/** Only addresses of this application may be returned to after signing in. */
export function safeReturn(next: string | undefined): string {
  const isLocal = next?.startsWith('/') === true && !next.startsWith('//') && !next.includes('\\');
  return isLocal && !next.startsWith(paths.login()) ? next : paths.projects();
}
