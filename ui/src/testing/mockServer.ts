// The mock server: requests in, responses out, over a `World`. It speaks the web's
// Request and Response, so the same code serves Vitest (through msw), the
// development server and the browser tests.
import { projectCan } from '../domain/project';
import { splitRequirements } from '../domain/requirement';
import { taskCan } from '../domain/task';
import type { ProjectEvent, ProjectPatch, Resolution, Task, TaskPatch } from '../api/types';
import { reports } from './mockReports';
import { type Account, World } from './world';

interface Call {
  world: World;
  request: Request;
  url: URL;
  params: string[];
  user: Account;
  body: <T>() => Promise<T>;
}

type Handler = (call: Call) => unknown;

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export class MockServer {
  world: World;
  constructor(world = new World()) {
    this.world = world;
  }

  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const path = url.pathname.replace(/^\/api/, '');
    if (path === '/__mock/reset') {
      this.world = new World(url.searchParams.get('seed') === 'fresh' ? 'fresh' : 'demo');
      return Response.json({});
    }
    if (path === '/__mock/drop') {
      for (const cut of openStreams) cut();
      return Response.json({});
    }
    for (const [method, pattern, handler, isPublic] of ROUTES) {
      const found = method === request.method ? pattern.exec(path) : null;
      if (!found) continue;
      try {
        const user = isPublic ? null : this.signedIn(request);
        const call: Call = {
          world: this.world,
          request,
          url,
          params: found.slice(1).map(decodeURIComponent),
          user: user as Account,
          body: async <T>() => (await request.json().catch(() => ({}))) as T,
        };
        const answer = await handler(call);
        if (answer instanceof Response) return answer;
        return answer === undefined ? new Response(null, { status: 204 }) : Response.json(answer);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return Response.json({ detail: error.message, code: 'mock' }, { status: error.status });
      }
    }
    return Response.json({ detail: 'Not Found' }, { status: 404 });
  }

  private signedIn(request: Request): Account {
    const token = (request.headers.get('Authorization') ?? '').replace('Bearer ', '');
    const account = this.world.accounts.find((each) => token === `access-${each.id}`);
    if (!account) throw new Refusal(401, 'not signed in');
    return account;
  }
}

type Route = readonly [method: string, pattern: RegExp, handler: Handler, isPublic?: boolean];

const PAGE = { limit: 50, offset: 0 };

function paged<T>(url: URL, rows: readonly T[]): T[] {
  const number = (name: keyof typeof PAGE) => Number(url.searchParams.get(name) ?? PAGE[name]);
  return rows.slice(number('offset'), number('offset') + number('limit'));
}

function tokensFor(account: Account) {
  return { access_token: `access-${account.id}`, refresh_token: `refresh-${account.id}`, token_type: 'bearer' };
}

function userOf({ id, email, display_name, role }: Account) {
  return { id, email, display_name, role, has_password: true, linked_providers: [] };
}

function projectOf({ world, params }: Call) {
  const project = world.projects.get(params[0] ?? '');
  if (!project) throw new Refusal(404, 'there is no such project');
  return project;
}

function taskOf({ world, params }: Call): Task {
  const task = world.tasks.get(params[0] ?? '');
  if (!task) throw new Refusal(404, 'there is no such task');
  return task;
}

function need(isAllowed: boolean, detail: string): void {
  if (!isAllowed) throw new Refusal(400, detail);
}

function admin(call: Call): void {
  if (call.user.role !== 'admin') throw new Refusal(403, 'only an administrator may do this');
}

async function register({ world, body }: Call) {
  const { email, password, display_name } = await body<{ email: string; password: string; display_name: string }>();
  if (password.length < 8) {
    const detail = [{ type: 'string_too_short', loc: ['body', 'password'], msg: 'needs at least 8 characters', input: '' }];
    return Response.json({ detail }, { status: 422 });
  }
  need(!world.accounts.some((each) => each.email === email), 'Registration failed');
  const account = world.register(email, password, display_name);
  return Response.json({ ...userOf(account), ...tokensFor(account) }, { status: 201 });
}

async function login({ world, body }: Call) {
  const { email, password } = await body<{ email: string; password: string }>();
  const account = world.accounts.find((each) => each.email === email && each.password === password);
  if (!account) throw new Refusal(401, 'Invalid email or password');
  return { ...tokensFor(account), user: userOf(account) };
}

async function createProject({ world, body }: Call) {
  const input = await body<ProjectPatch & { name: string; requirements: string }>();
  const { makeProject } = await import('./fixtures');
  const project = makeProject({
    id: world.id('prj_'),
    name: input.name,
    requirements: input.requirements,
    planning_rigor: input.planning_rigor ?? 'L2',
    config: { ...input.config, planning_rigor: input.planning_rigor ?? 'L2' },
    created_at: Date.now() / 1000,
  });
  world.projects.set(project.id, project);
  world.emit(project.id, 'project_created', `${project.name} was created`);
  return Response.json(project, { status: 201 });
}

function plan(call: Call) {
  const { world, request } = call;
  const project = projectOf(call);
  need(projectCan('plan', project.status), `a project that is ${project.status} cannot be planned`);
  world.setProject(project.id, { status: 'planning' });
  world.emit(project.id, 'plan_started', 'Planning begins');
  const words = 'Reading the requirements. Grouping them. Looking for what depends on what. Writing the tasks.'.split(' ');
  return new Promise((resolve) => {
    const isAsync = (request.headers.get('Prefer') ?? '').includes('respond-async');
    if (isAsync) resolve(Response.json({ operation_id: world.id('op_') }, { status: 202 }));
    const timer = setInterval(() => {
      const word = words.shift();
      if (word !== undefined) world.text(project.id, null, `${word} `);
      else {
        clearInterval(timer);
        const { id, ...made } = world.propose(project.id);
        if (!isAsync) resolve(Response.json({ plan_id: id, ...made }));
      }
    }, 150);
  });
}

function change(call: Call, action: 'execute' | 'pause' | 'cancel') {
  const { world, user } = call;
  const project = projectOf(call);
  need(projectCan(action, project.status), `a project that is ${project.status} cannot do this`);
  const to = { execute: 'executing', pause: 'paused', cancel: 'cancelled' } as const;
  world.setProject(project.id, { status: to[action] });
  if (action === 'cancel') {
    for (const task of world.tasksOf(project.id)) {
      if (taskCan.cancel(task.status) || task.status === 'running') world.setTask(task.id, { status: 'cancelled' });
    }
  }
  world.emit(project.id, `project_${to[action]}`, `${to[action]} by ${user.display_name}`);
  return { status: to[action], project_id: project.id };
}

function listTasks(call: Call) {
  const { world, url } = call;
  const query = url.searchParams;
  const tasks = world
    .tasksOf(projectOf(call).id)
    .filter((task) => !query.get('status') || task.status === query.get('status'))
    .sort((a, b) => a.wave - b.wave || a.priority - b.priority);
  const isShort = query.get('exclude_output') === 'true';
  return paged(url, tasks).map((task) => (isShort ? { ...task, output_text: null } : task));
}

async function review(call: Call) {
  const { action, feedback = '' } = await call.body<{ action: 'approve' | 'retry'; feedback?: string }>();
  const task = taskOf(call);
  need(taskCan.review(task.status), 'the task is not in needs_review');
  if (action === 'retry') return call.world.retry(task, feedback || 'tried again');
  const done = call.world.setTask(task.id, { status: 'completed', completed_at: Date.now() / 1000, waiting_for: null });
  call.world.emit(task.project_id, 'task_complete', `${task.title}: accepted`, { task_id: task.id, cost_usd: task.cost_usd });
  return done;
}

function coverage(call: Call) {
  const project = projectOf(call);
  const served = new Set(call.world.tasksOf(project.id).flatMap((task) => task.requirement_ids));
  const requirements = splitRequirements(project.requirements).map(({ id, text }) => ({ id, text, covered: served.has(id) }));
  const covered = requirements.filter((each) => each.covered).length;
  return { project_id: project.id, total_requirements: requirements.length, covered_count: covered, uncovered_count: requirements.length - covered, requirements };
}

const openStreams = new Set<() => void>();

function stream({ world, request, params }: Call): Response {
  const encoder = new TextEncoder();
  const after = Number(request.headers.get('Last-Event-ID') ?? 0);
  let stop = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const frame = (event: ProjectEvent) => {
        const { seq, ...data } = event;
        const id = seq === undefined ? '' : `id: ${seq}\n`;
        controller.enqueue(encoder.encode(`${id}event: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`));
      };
      const unlisten = world.listen(params[0] ?? '', after, frame);
      const beat = setInterval(() => controller.enqueue(encoder.encode(': keepalive\n\n')), 15_000);
      const cut = () => {
        stop();
        controller.close();
      };
      stop = () => {
        unlisten();
        clearInterval(beat);
        openStreams.delete(cut);
      };
      openStreams.add(cut);
      controller.enqueue(encoder.encode(': hello\n\n'));
    },
    cancel: () => stop(),
  });
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' } });
}

const ROUTES: readonly Route[] = [
  ['GET', /^\/health$/, () => ({ status: 'ok' }), true],
  ['GET', /^\/auth\/setup$/, ({ world }) => ({ needs_first_user: world.accounts.length === 0, registration_open: true }), true],
  ['GET', /^\/auth\/oidc\/providers$/, () => [], true],
  ['POST', /^\/auth\/register$/, register, true],
  ['POST', /^\/auth\/login$/, login, true],
  ['POST', /^\/auth\/refresh$/, async ({ world, body }) => {
    const { refresh_token } = await body<{ refresh_token: string }>();
    const account = world.accounts.find((each) => refresh_token === `refresh-${each.id}`);
    if (!account) throw new Refusal(401, 'sign in again');
    return tokensFor(account);
  }, true],
  ['GET', /^\/auth\/me$/, ({ user }) => userOf(user)],
  ['GET', /^\/auth\/oidc\/identities$/, () => []],
  ['GET', /^\/auth\/api-keys$/, ({ world }) => world.keys],
  ['POST', /^\/auth\/api-keys$/, async ({ world, body }) => {
    const { name } = await body<{ name: string }>();
    const key = { id: world.id('key_'), key_prefix: 'orch_9c4d1e', name, is_active: true, created_at: Date.now() / 1000, last_used_at: null };
    world.keys.unshift(key);
    return Response.json({ ...key, key: 'orch_9c4d1e0000000000000000000000000000000000000000000000000000000000' }, { status: 201 });
  }],
  ['DELETE', /^\/auth\/api-keys\/([^/]+)$/, ({ world, params }) => {
    const key = world.keys.find((each) => each.id === params[0]);
    if (key) key.is_active = false;
    return { status: 'revoked', key_id: params[0] };
  }],
  ['GET', /^\/projects$/, ({ world, url }) => {
    const status = url.searchParams.get('status');
    const all = [...world.projects.values()].filter((each) => !status || each.status === status);
    return paged(url, all.sort((a, b) => b.created_at - a.created_at)).map((each) => world.view(each));
  }],
  ['POST', /^\/projects$/, createProject],
  ['GET', /^\/projects\/([^/]+)$/, (call) => call.world.view(projectOf(call))],
  ['PATCH', /^\/projects\/([^/]+)$/, async (call) => call.world.view(call.world.setProject(projectOf(call).id, await call.body<ProjectPatch>()))],
  ['DELETE', /^\/projects\/([^/]+)$/, (call) => void call.world.projects.delete(projectOf(call).id)],
  ['POST', /^\/projects\/([^/]+)\/plan$/, plan],
  ['GET', /^\/projects\/([^/]+)\/plans$/, (call) => {
    const id = projectOf(call).id;
    return paged(call.url, call.world.plans.filter((each) => each.project_id === id).sort((a, b) => b.version - a.version));
  }],
  ['POST', /^\/projects\/([^/]+)\/plans\/([^/]+)\/approve$/, (call) => {
    const found = call.world.plans.find((each) => each.id === call.params[1]);
    if (!found) throw new Refusal(404, 'there is no such plan');
    need(found.status === 'draft', 'only a draft plan can be approved');
    const tasks = call.world.approve(found);
    return { tasks_created: tasks.length, task_ids: tasks.map((task) => task.id), estimated_cost_usd: 0.4, summary: found.plan.summary, total_waves: Math.max(...tasks.map((task) => task.wave)) + 1 };
  }],
  ['POST', /^\/projects\/([^/]+)\/execute$/, (call) => change(call, 'execute')],
  ['POST', /^\/projects\/([^/]+)\/pause$/, (call) => change(call, 'pause')],
  ['POST', /^\/projects\/([^/]+)\/cancel$/, (call) => change(call, 'cancel')],
  ['POST', /^\/projects\/([^/]+)\/clone$/, (call) => {
    const project = projectOf(call);
    const copy = { ...project, id: call.world.id('prj_'), name: `${project.name} (clone)`, status: 'draft' as const, created_at: Date.now() / 1000 };
    call.world.projects.set(copy.id, copy);
    return Response.json(copy, { status: 201 });
  }],
  ['GET', /^\/projects\/([^/]+)\/export$/, (call) => ({ exported_at: Date.now() / 1000, project: projectOf(call) })],
  ['GET', /^\/projects\/([^/]+)\/coverage$/, coverage],
  ['GET', /^\/projects\/([^/]+)\/knowledge$/, (call) => call.world.findings.filter((each) => each.project_id === projectOf(call).id)],
  ['DELETE', /^\/projects\/([^/]+)\/knowledge\/([^/]+)$/, ({ world, params }) => {
    const at = world.findings.findIndex((each) => each.id === params[1]);
    if (at >= 0) world.findings.splice(at, 1);
  }],
  ['GET', /^\/tasks\/project\/([^/]+)$/, listTasks],
  ['GET', /^\/tasks\/([^/]+)$/, taskOf],
  ['PATCH', /^\/tasks\/([^/]+)$/, async (call) => {
    const task = taskOf(call);
    need(taskCan.edit(task.status), 'the task cannot be changed now');
    return call.world.setTask(task.id, await call.body<TaskPatch>());
  }],
  ['POST', /^\/tasks\/([^/]+)\/retry$/, (call) => {
    const task = taskOf(call);
    need(taskCan.retry(task.status), 'only a failed task can be retried');
    return call.world.retry(task, `${task.title}: tried again`);
  }],
  ['POST', /^\/tasks\/([^/]+)\/cancel$/, (call) => {
    const task = taskOf(call);
    need(taskCan.cancel(task.status), 'the task cannot be cancelled now');
    call.world.emit(task.project_id, 'task_cancelled', task.title, { task_id: task.id });
    return call.world.setTask(task.id, { status: 'cancelled' });
  }],
  ['POST', /^\/tasks\/([^/]+)\/review$/, review],
  ['GET', /^\/checkpoints\/project\/([^/]+)$/, ({ world, url, params }) => {
    const isAll = url.searchParams.get('resolved') === 'true';
    return world.checkpoints.filter((each) => each.project_id === params[0] && (isAll || each.resolved_at === null));
  }],
  ['POST', /^\/checkpoints\/([^/]+)\/resolve$/, async ({ world, params, body }) => {
    const found = world.checkpoints.find((each) => each.id === params[0]);
    if (!found) throw new Refusal(404, 'there is no such checkpoint');
    need(found.resolved_at === null, 'it is resolved already');
    const { action, guidance = '' } = await body<{ action: Resolution; guidance?: string }>();
    return world.resolve(found, action, guidance);
  }],
  ['POST', /^\/events\/([^/]+)\/token$/, ({ params }) => ({ token: `sse-${params[0]}` })],
  ['GET', /^\/events\/([^/]+)$/, stream, true],
  ['PATCH', /^\/admin\/users\/([^/]+)$/, async (call) => {
    admin(call);
    const account = call.world.accounts.find((each) => each.id === call.params[0]);
    if (!account) throw new Refusal(404, 'there is no such user');
    need(account !== call.user, 'you cannot change your own role or deactivate yourself');
    return Object.assign(account, await call.body<Partial<Account>>());
  }],
  ...reports.map(
    ([pattern, isAdmin, read]): Route => [
      'GET',
      pattern,
      (call) => {
        if (isAdmin) admin(call);
        return read(call.world, call.url);
      },
    ],
  ),
];
