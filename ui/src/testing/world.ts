// The mock server's memory and its rules: enough of an engine that projects can be
// planned, approved, carried out and resolved. Time passes by `tick`.
import type {
  AdminUser,
  ApiKey,
  Checkpoint,
  Finding,
  Plan,
  Project,
  ProjectEvent,
  Resolution,
  Task,
} from '../api/types';
import { splitRequirements } from '../domain/requirement';
import { isTaskOver } from '../domain/task';
import { makePlan, makeProject, makeTask, NOW, OUTPUT, plannedTask, SEEDS, tasksOf, widePlan } from './fixtures';

export interface Account extends AdminUser {
  password: string;
}

type Listener = (event: ProjectEvent) => void;

const SLOTS = 4;

export class World {
  readonly accounts: Account[] = [];
  readonly keys: ApiKey[] = [];
  readonly projects = new Map<string, Project>();
  readonly plans: Plan[] = [];
  readonly tasks = new Map<string, Task>();
  readonly checkpoints: Checkpoint[] = [];
  readonly findings: Finding[] = [];
  readonly events = new Map<string, ProjectEvent[]>();
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly openWave = new Map<string, number>();
  private lastId = 100;

  constructor(seed: 'demo' | 'fresh' = 'demo') {
    if (seed === 'demo') seedDemo(this);
  }

  id(prefix: string): string {
    this.lastId += 1;
    return `${prefix}${this.lastId}`;
  }

  register(email: string, password: string, name: string): Account {
    const account: Account = {
      id: this.id('usr_'),
      email,
      password,
      display_name: name || (email.split('@')[0] ?? email),
      role: this.accounts.length === 0 ? 'admin' : 'user',
      is_active: true,
      created_at: now(),
      last_login_at: now(),
      project_count: 0,
    };
    this.accounts.push(account);
    return account;
  }

  tasksOf(projectId: string): Task[] {
    return [...this.tasks.values()].filter((task) => task.project_id === projectId);
  }

  /** With the counts and sums that are made when it is read. */
  view(project: Project): Project {
    const tasks = this.tasksOf(project.id);
    const of = (status: Task['status']) => tasks.filter((task) => task.status === status).length;
    const plans = this.plans.filter((plan) => plan.project_id === project.id);
    const waiting = of('needs_review') + (project.status === 'draft' && plans.some((p) => p.status === 'draft') ? 1 : 0);
    return {
      ...project,
      task_summary: {
        total: tasks.length,
        completed: of('completed'),
        running: of('running'),
        failed: of('failed'),
        needs_review: of('needs_review'),
      },
      spent_usd: [...tasks, ...plans].reduce((sum, each) => sum + each.cost_usd, 0),
      waiting_count: waiting,
    };
  }

  emit(projectId: string, type: string, message: string, extra: Record<string, unknown> = {}): void {
    const log = this.events.get(projectId) ?? [];
    const event: ProjectEvent = {
      task_id: null,
      ...extra,
      type,
      message,
      project_id: projectId,
      timestamp: Date.now() / 1000,
      seq: log.length + 1,
    };
    this.events.set(projectId, [...log, event]);
    for (const listener of this.listeners.get(projectId) ?? []) listener(event);
  }

  /** Live text has no number and is not kept. */
  text(projectId: string, taskId: string | null, text: string): void {
    const type = taskId === null ? 'plan_text' : 'task_text';
    const event = { type, text, message: '', project_id: projectId, task_id: taskId, timestamp: Date.now() / 1000 };
    for (const listener of this.listeners.get(projectId) ?? []) listener(event);
  }

  listen(projectId: string, after: number, listener: Listener): () => void {
    for (const event of this.events.get(projectId) ?? []) if ((event.seq ?? 0) > after) listener(event);
    const all = this.listeners.get(projectId) ?? new Set();
    this.listeners.set(projectId, all.add(listener));
    return () => all.delete(listener);
  }

  setProject(id: string, change: Partial<Project>): Project {
    const project = this.projects.get(id);
    if (!project) throw new Error(`no project ${id}`);
    const next = { ...project, ...change, updated_at: now() };
    this.projects.set(id, next);
    return next;
  }

  setTask(id: string, change: Partial<Task>): Task {
    const task = this.tasks.get(id);
    if (!task) throw new Error(`no task ${id}`);
    const next = { ...task, ...change, updated_at: Date.now() / 1000 };
    this.tasks.set(id, next);
    return next;
  }

  propose(projectId: string): Plan {
    const project = this.setProject(projectId, { status: 'draft' });
    const versions = this.plans.filter((plan) => plan.project_id === projectId);
    for (const plan of versions) if (plan.status === 'draft') plan.status = 'superseded';
    const wanted = splitRequirements(project.requirements);
    const body = {
      summary: `Serve ${wanted.length} requirements, one task each, and check the whole at the end.`,
      tasks: [
        ...wanted.map((r, index) =>
          plannedTask(r.text.split('\n')[0]?.slice(0, 60) ?? r.id, {
            requirement_ids: [r.id],
            complexity: 'simple',
            depends_on: index === 0 ? [] : [0],
          }),
        ),
        plannedTask('Check the whole', { task_type: 'analysis', depends_on: wanted.map((_, index) => index), requirement_ids: [] }),
      ],
    };
    const plan = makePlan(project, versions.length + 1, body, { created_at: now() });
    this.plans.unshift(plan);
    this.emit(projectId, 'plan_ready', `Plan ${plan.version} is there`, { plan_id: plan.id, version: plan.version });
    return plan;
  }

  approve(plan: Plan): Task[] {
    for (const other of this.plans) if (other.project_id === plan.project_id && other !== plan) other.status = 'superseded';
    plan.status = 'approved';
    const tasks = tasksOf(plan);
    for (const task of tasks) this.tasks.set(task.id, task);
    this.setProject(plan.project_id, { status: 'ready' });
    this.emit(plan.project_id, 'plan_approved', `Plan ${plan.version} approved`, { plan_id: plan.id });
    return tasks;
  }

  retry(task: Task, message: string): Task {
    const isReady = task.depends_on.every((id) => this.tasks.get(id)?.status === 'completed');
    const next = this.setTask(task.id, {
      status: isReady ? 'pending' : 'blocked',
      error: null,
      output_text: null,
      verification_status: null,
      verification_notes: null,
      completed_at: null,
    });
    this.emit(task.project_id, 'task_retried', message, { task_id: task.id });
    this.wake(task.project_id);
    return next;
  }

  resolve(checkpoint: Checkpoint, action: Resolution, guidance: string): Checkpoint {
    checkpoint.resolved_at = now();
    checkpoint.response = guidance ? `${action}: ${guidance}` : action;
    this.emit(checkpoint.project_id, 'checkpoint_resolved', `Answered: ${action}`, { checkpoint_id: checkpoint.id });
    const task = checkpoint.task_id === null ? undefined : this.tasks.get(checkpoint.task_id);
    if (!task) return checkpoint;
    if (action === 'retry') this.retry(task, `${task.title}: tried again`);
    else {
      this.setTask(task.id, { status: action === 'skip' ? 'cancelled' : 'failed' });
      this.emit(task.project_id, action === 'skip' ? 'task_skipped' : 'task_failed', task.title, { task_id: task.id });
      this.wake(task.project_id);
    }
    return checkpoint;
  }

  private wake(projectId: string): void {
    const status = this.projects.get(projectId)?.status;
    if (status === 'failed' || status === 'completed') {
      this.setProject(projectId, { status: 'executing' });
      this.emit(projectId, 'project_reopened', 'The project has work again');
    }
  }

  /** One step of every executing project. */
  tick(): void {
    for (const project of this.projects.values()) if (project.status === 'executing') this.step(project);
  }

  private step(project: Project): void {
    const tasks = this.tasksOf(project.id);
    const running = tasks.filter((task) => task.status === 'running');
    const seconds = Date.now() / 1000;
    for (const task of running) {
      const age = seconds - (task.started_at ?? seconds);
      this.text(project.id, task.id, `${['Reading', 'Comparing', 'Writing', 'Checking'][Math.floor(age) % 4]} … `);
      if (age > 2 + (task.priority % 5)) this.finish(task);
    }
    const isSatisfied = (id: string) => ['completed', 'cancelled'].includes(this.tasks.get(id)?.status ?? '');
    for (const task of tasks) {
      if (task.status === 'blocked' && task.depends_on.every(isSatisfied)) this.setTask(task.id, { status: 'pending' });
    }
    this.start(project, SLOTS - running.length);
    this.settle(project);
  }

  private start(project: Project, free: number): void {
    const tasks = this.tasksOf(project.id).filter((task) => task.status === 'pending');
    const wave = Math.min(...tasks.map((task) => task.wave));
    if (tasks.length > 0 && wave > (this.openWave.get(project.id) ?? -1)) {
      this.openWave.set(project.id, wave);
      this.emit(project.id, 'wave_opened', `Wave ${wave + 1} may start`, { wave });
    }
    const ready = tasks.filter((task) => !task.waiting_for?.wake_at || task.waiting_for.wake_at < Date.now() / 1000);
    ready
      .sort((a, b) => a.wave - b.wave || a.priority - b.priority)
      .forEach((task, index) => {
        if (index < free) {
          this.setTask(task.id, { status: 'running', started_at: Date.now() / 1000, waiting_for: null, attempt: (task.attempt ?? 0) + 1 });
          this.emit(project.id, 'task_start', task.title, { task_id: task.id });
        } else if (task.waiting_for?.reason !== 'slot') {
          this.setTask(task.id, { waiting_for: { reason: 'slot', since: Date.now() / 1000 } });
        }
      });
  }

  private finish(task: Task): void {
    const cost = { ollama: 0, haiku: 0.008, sonnet: 0.043, opus: 0.18 }[task.model_tier];
    const done = {
      prompt_tokens: 2400,
      completion_tokens: 900,
      cost_usd: task.cost_usd + cost,
      model_used: task.model_tier === 'ollama' ? 'qwen3:8b' : `claude-${task.model_tier}-4-5`,
      output_text: OUTPUT,
    };
    const isFirstTry = (task.attempt ?? 1) < 2;
    if (isFirstTry && /check the whole|tests/i.test(task.title)) {
      this.askPerson(this.setTask(task.id, { ...done, status: 'needs_review', verification_status: 'human_needed', verification_notes: 'The criteria cannot be judged from the text alone: somebody has to look at the whole.' }));
      return;
    }
    this.setTask(task.id, { ...done, status: 'completed', verification_status: 'passed', verification_notes: 'All criteria are met.', completed_at: Date.now() / 1000 });
    this.emit(task.project_id, 'task_complete', `${task.title}: done`, { task_id: task.id, cost_usd: task.cost_usd + cost });
  }

  private askPerson(task: Task): void {
    this.emit(task.project_id, 'task_needs_review', `${task.title}: a person has to look`, { task_id: task.id });
  }

  private settle(project: Project): void {
    const tasks = this.tasksOf(project.id);
    if (tasks.length === 0 || !tasks.every((task) => isTaskOver(task.status))) return;
    const failed = tasks.some((task) => task.status === 'failed');
    this.setProject(project.id, { status: failed ? 'failed' : 'completed', completed_at: now() });
    this.emit(project.id, failed ? 'project_failed' : 'project_complete', failed ? 'Some tasks failed' : 'All tasks are done');
  }
}

export function now(): number {
  return Date.now() / 1000;
}

function seedDemo(world: World): void {
  const demo = world.register('demo@example.com', 'demo-password', 'Demo');
  demo.created_at = NOW - 40 * 86400;
  const user = world.register('ada@example.com', 'demo-password', 'Ada');
  user.last_login_at = NOW - 3 * 86400;
  world.keys.push({ id: 'key1', key_prefix: 'orch_3f81a2', name: 'Nightly build', is_active: true, created_at: NOW - 86400 * 9, last_used_at: NOW - 5400 });
  seedDatabase(world);
  seedHandbook(world);
  seedHello(world);
  seedWide(world);
}

function seedDatabase(world: World): void {
  const project = makeProject({
    id: 'prj_database',
    name: 'Which database for a field application?',
    requirements: SEEDS.database.requirements,
    status: 'paused',
    config: { planning_rigor: 'L2', budget_limit_usd: 2, dispatch: 'wave' },
    created_at: NOW - 5400,
  });
  world.projects.set(project.id, project);
  const plan = makePlan(project, 1, SEEDS.database.plan, { status: 'approved' });
  world.plans.push(plan);
  const begin = NOW - 1500;
  tasksOf(plan).forEach((task, index) => {
    const started = begin + task.wave * 380 + (index % 3) * 25;
    const done = { started_at: started, completed_at: started + 140 + ((index * 53) % 190), model_used: 'claude-sonnet-4-5', prompt_tokens: 6200 + index * 310, completion_tokens: 1800 + index * 90, cost_usd: 0.043 + index * 0.006, output_text: OUTPUT, verification_status: 'passed', verification_notes: 'Every question is answered and each claim names its source.', attempt: 1 };
    const states: Partial<Task>[] = [
      { ...done, status: 'completed' },
      { ...done, status: 'completed' },
      { ...done, status: 'completed' },
      { ...done, completed_at: null, status: 'needs_review', attempt: 3, verification_status: 'gaps_found', verification_notes: 'The licence of the server part is named without a source, and the effort is not estimated.', error: 'Gaps were found three times.', waiting_for: { reason: 'person', since: NOW - 620 } },
      { ...done, status: 'completed' },
      { status: 'running', started_at: NOW - 95, attempt: 1 },
      {},
      { ...done, status: 'completed', started_at: begin + 380, completed_at: begin + 452 },
    ];
    const state = states[index] ?? {};
    const waiting = state.status === undefined && task.depends_on.length > 0 ? { reason: 'dependency' as const, since: begin } : null;
    world.tasks.set(task.id, { ...task, waiting_for: waiting, ...state, updated_at: NOW - 90 });
  });
  // What is paused still shows one of each wait.
  world.tasks.set('prj_database-x1', makeTask({ id: 'prj_database-x1', project_id: project.id, plan_id: plan.id, title: 'Estimate the effort', wave: 1, priority: 65, phase: 'Study', status: 'pending', depends_on: ['prj_database-t0'], requirement_ids: ['R3'], attempt: 1, started_at: null, waiting_for: { reason: 'backoff', since: NOW - 40, wake_at: NOW + 900 } }));
  world.tasks.set('prj_database-x2', makeTask({ id: 'prj_database-x2', project_id: project.id, plan_id: plan.id, title: 'Ask for offers', wave: 1, priority: 66, phase: 'Study', status: 'failed', depends_on: ['prj_database-t0'], requirement_ids: ['R3'], attempt: 1, started_at: begin + 400, completed_at: null, updated_at: begin + 420, error: 'The provider refused the request (400): the tool "browse" does not exist.' }));
  world.checkpoints.push({
    id: 'chk_1',
    project_id: project.id,
    task_id: 'prj_database-t3',
    checkpoint_type: 'retry_exhausted',
    summary: '“Study PowerSync” was tried three times, and gaps were found each time.',
    attempts: [
      { message: 'The licence is not named.', timestamp: NOW - 1050 },
      { message: 'The licence of the server part has no source.', timestamp: NOW - 860 },
      { message: 'The licence of the server part has no source; the effort is not estimated.', timestamp: NOW - 620 },
    ],
    question: 'Try again with guidance, go on without it, or give it up?',
    response: null,
    resolved_at: null,
    created_at: NOW - 620,
  });
  const story: [number, string, string, string | null][] = [
    [1500, 'project_executing', 'Execution starts', null],
    [1500, 'wave_opened', 'Wave 1 may start', null],
    [1499, 'task_start', 'Write down the questions', 't0'],
    [1330, 'task_complete', 'Write down the questions: done', 't0'],
    [1120, 'wave_opened', 'Wave 2 may start', null],
    [1118, 'task_start', 'Study PowerSync', 't3'],
    [1090, 'tool_call', 'Study PowerSync: knowledge_search', 't3'],
    [1050, 'task_verification_retry', 'The licence is not named.', 't3'],
    [860, 'task_verification_retry', 'The licence of the server part has no source.', 't3'],
    [620, 'task_needs_review', 'Study PowerSync: a person has to decide', 't3'],
    [619, 'checkpoint', 'Try again, go on without it, or give it up?', 't3'],
    [300, 'budget_warning', '80 % of the daily limit is used', null],
    [95, 'task_start', 'Study Electric', 't5'],
    [60, 'project_paused', 'Paused by Demo', null],
  ];
  world.events.set(
    project.id,
    story.map(([age, type, message, task], index) => ({ type, message, project_id: project.id, task_id: task === null ? null : `${project.id}-${task}`, timestamp: NOW - age, seq: index + 1 })),
  );
  world.findings.push(
    { id: 'f1', project_id: project.id, task_id: 'prj_database-t2', category: 'gotcha', content: 'CouchDB conflicts are silent until somebody asks for them.', source_task_title: 'Study CouchDB and PouchDB', created_at: NOW - 700 },
    { id: 'f2', project_id: project.id, task_id: 'prj_database-t0', category: 'decision', content: 'Durability weighs most: a lost finding is worse than a slow tablet.', source_task_title: 'Write down the questions', created_at: NOW - 1300 },
    { id: 'f3', project_id: project.id, task_id: 'prj_database-t1', category: 'constraint', content: 'Tablets have 4 GB of memory and Android 11.', source_task_title: 'Study SQLite with own sync', created_at: NOW - 900 },
  );
}

function seedHandbook(world: World): void {
  const project = makeProject({ id: 'prj_handbook', name: 'Handbook for a community workshop', requirements: SEEDS.handbook.requirements, planning_rigor: 'L3', config: { planning_rigor: 'L3', budget_limit_usd: 5 }, created_at: NOW - 9000 });
  world.projects.set(project.id, project);
  const [first, second] = SEEDS.handbook.plans;
  if (first) world.plans.push(makePlan(project, 1, first, { status: 'superseded' }));
  if (second) world.plans.unshift(makePlan(project, 2, second, { created_at: NOW - 2400 }));
}

function seedHello(world: World): void {
  const project = makeProject({ id: 'prj_hello', name: 'Hello, world', requirements: SEEDS.hello.requirements, status: 'completed', planning_rigor: 'L1', config: { planning_rigor: 'L1' }, created_at: NOW - 90000, completed_at: NOW - 86400 });
  world.projects.set(project.id, project);
  const plan = makePlan(project, 1, SEEDS.hello.plan, { status: 'approved' });
  world.plans.push(plan);
  tasksOf(plan).forEach((task, index) =>
    world.tasks.set(task.id, { ...task, status: 'completed', waiting_for: null, started_at: NOW - 88000 + index * 70, completed_at: NOW - 87940 + index * 70, model_used: 'claude-haiku-4-5', prompt_tokens: 1900, completion_tokens: 620, cost_usd: 0.0079, verification_status: 'passed', verification_notes: 'It runs.', output_text: OUTPUT, attempt: 1 }),
  );
}

function seedWide(world: World): void {
  const project = makeProject({ id: 'prj_wide', name: 'Rehearsal with 1,000 tasks', requirements: 'A thousand parts are fetched, parsed, checked and merged.', status: 'paused', planning_rigor: 'L1', config: { planning_rigor: 'L1', dispatch: 'dataflow' }, is_simulated: true, created_at: NOW - 3000 });
  world.projects.set(project.id, project);
  const plan = makePlan(project, 1, widePlan(1000, 10), { status: 'approved' });
  world.plans.push(plan);
  tasksOf(plan).forEach((task, index) => {
    const isDone = index < 260;
    world.tasks.set(task.id, isDone ? { ...task, status: 'completed', started_at: NOW - 2400 + index * 3, completed_at: NOW - 2370 + index * 3, cost_usd: 0.004, model_used: 'simulated', output_text: OUTPUT, attempt: 1 } : task);
  });
}
