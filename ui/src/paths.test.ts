import { expect, it } from 'vitest';

import { paths, safeReturn } from './paths';

it('every address is what bookmarks and messages say', () => {
  const all = Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [name, (path as (...parts: string[]) => string)('p 1', name === 'task' ? 't/1' : 'plan')]),
  );
  expect(all).toMatchInlineSnapshot(`
    {
      "admin": "/admin",
      "analytics": "/analytics",
      "inbox": "/inbox",
      "login": "/login",
      "newProject": "/new",
      "oidcCallback": "/auth/oidc/callback",
      "project": "/project/p%201",
      "projectTab": "/project/p%201/plan",
      "projects": "/",
      "rag": "/rag",
      "register": "/register",
      "services": "/services",
      "settings": "/settings",
      "task": "/project/p%201/task/t%2F1",
      "usage": "/usage",
    }
  `);
});

it('returns after signing in only to addresses of this application', () => {
  expect(safeReturn('/project/1/run?x=1')).toBe('/project/1/run?x=1');
  for (const bad of ['//evil.example', 'https://evil.example', '/\\evil.example', '/login?next=/', undefined]) {
    expect(safeReturn(bad)).toBe('/');
  }
});
