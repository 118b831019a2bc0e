// What the mock server shows: four projects in different states, with texts that
// look like real ones. Used in unit tests as well.
import type { Plan, PlanBody, PlannedTask, Project, Task } from '../api/types';
import { planItems } from '../domain/plan';

export const NOW = Math.floor(Date.now() / 1000);

export function plannedTask(title: string, change: Partial<PlannedTask> = {}): PlannedTask {
  return {
    title,
    description: `${title}. Work from the requirements named here; say plainly what is left open.`,
    task_type: 'code',
    complexity: 'medium',
    depends_on: [],
    tools_needed: ['read_file', 'write_file'],
    requirement_ids: ['R1'],
    verification_criteria: 'Another person can check it without asking.',
    affected_files: [],
    ...change,
  };
}

export const HANDBOOK_REQUIREMENTS = `# Handbook for a community workshop

Our workshop lends tools and machines to its 140 members: a wood room, a metal room with a lathe, two 3D printers and a sewing corner.

## Documents

- \`01-welcome.md\`: for new members, with opening hours and whom to ask.
- \`02-house-rules.md\`: at most fifteen rules, each one sentence, each with its reason.
- \`03-safety.md\`: protective equipment by room, and what to do in an accident.
- \`04-machines.md\`: who may use what, and what is forbidden.
- \`05-lending.md\`: how tools are borrowed and brought back.

## What holds for all of them

The documents agree with each other: a rule is stated once and referred to elsewhere.

The language is plain. A member of sixteen years understands everything at the first reading.

What we have not told you is marked \`TO BE DECIDED\` and never invented.`;

export const HANDBOOK_PLAN: PlanBody = {
  summary:
    'Collect what is known, agree on words, write the five documents in parallel, then check them against each other and list what is undecided.',
  phases: [
    {
      name: 'Groundwork',
      description: 'Facts and words first.',
      tasks: [
        plannedTask('Collect the facts', { task_type: 'research', complexity: 'simple', requirement_ids: ['R1', 'R9'] }),
        plannedTask('Agree on words', { task_type: 'analysis', depends_on: [0], requirement_ids: ['R7', 'R8'] }),
      ],
    },
    {
      name: 'Documents',
      description: 'One task each, side by side.',
      tasks: [
        plannedTask('Write the welcome page', { task_type: 'documentation', depends_on: [1], requirement_ids: ['R2'], affected_files: ['01-welcome.md'] }),
        plannedTask('Write the house rules', { task_type: 'documentation', depends_on: [1], requirement_ids: ['R3'], affected_files: ['02-house-rules.md'] }),
        plannedTask('Write the safety page', { task_type: 'documentation', complexity: 'complex', depends_on: [0, 1], requirement_ids: ['R4'], affected_files: ['03-safety.md'] }),
        plannedTask('Describe the machines', { task_type: 'documentation', complexity: 'complex', depends_on: [1], requirement_ids: ['R5'], affected_files: ['04-machines.md'] }),
      ],
    },
    {
      name: 'Review',
      description: 'The set as a whole.',
      tasks: [
        plannedTask('Find contradictions', { task_type: 'analysis', complexity: 'complex', depends_on: [2, 3, 4, 5], requirement_ids: ['R7'] }),
        plannedTask('Collect what is undecided', { task_type: 'documentation', complexity: 'simple', depends_on: [2, 3, 4, 5], requirement_ids: ['R9'] }),
        plannedTask('Write the overview', { task_type: 'documentation', complexity: 'simple', depends_on: [6, 7], requirement_ids: ['R1'] }),
      ],
    },
  ],
  open_questions: [
    { question: 'May members under sixteen use the wood room with a parent?', proposed_answer: 'No; marked TO BE DECIDED.', impact: 'One rule and one line in the safety page.' },
    { question: 'Are the 3D printers part of the machines page?', proposed_answer: 'Yes, with their own section.', impact: 'The machines page grows by about a third.' },
  ],
  risk_assessment: [
    { risk: 'The safety page invents facts about first aid', likelihood: 'medium', impact: 'high', mitigation: 'It may only use what the requirements state; the review task checks each sentence.' },
    { risk: 'Rules are repeated in different words', likelihood: 'high', impact: 'medium', mitigation: 'Words are agreed on first, contradictions are searched for at the end.' },
  ],
  test_strategy: {
    approach: 'Read the set as three people: a new member, a board member, a sixteen-year-old.',
    test_tasks: ['Find contradictions'],
    coverage_notes: 'Print layout is not checked.',
  },
};

const HANDBOOK_V1: PlanBody = {
  summary: 'Write the documents one after the other.',
  phases: [
    { name: 'Groundwork', description: '', tasks: [plannedTask('Collect the facts', { task_type: 'research', requirement_ids: ['R1'] })] },
    {
      name: 'Documents',
      description: '',
      tasks: [
        plannedTask('Write the welcome page', { task_type: 'documentation', depends_on: [0], requirement_ids: ['R2'] }),
        plannedTask('Write all rules', { task_type: 'documentation', depends_on: [1], requirement_ids: ['R3', 'R4'] }),
      ],
    },
  ],
  open_questions: [],
};

const DATABASE_REQUIREMENTS = `# Which database for a field application?

We build an application for people who inspect bridges. They work on tablets, often without a network for a whole day, and must never lose a finding.

1. Compare SQLite with our own synchronisation, CouchDB with PouchDB, and PowerSync.
2. Each candidate is judged by the same questions: durability, conflicts, size, licence, effort.
3. Build a small prototype of the two best and measure synchronisation of 10,000 findings.
4. Recommend one, with the reasons that would change the recommendation.`;

const CANDIDATES = ['SQLite with own sync', 'CouchDB and PouchDB', 'PowerSync', 'Realm', 'Electric'];

const DATABASE_PLAN: PlanBody = {
  summary: 'Study five candidates side by side, prototype the two best, measure, recommend.',
  phases: [
    {
      name: 'Study',
      description: '',
      tasks: [
        plannedTask('Write down the questions', { task_type: 'analysis', complexity: 'simple', requirement_ids: ['R3'] }),
        ...CANDIDATES.map((name) => plannedTask(`Study ${name}`, { task_type: 'research', depends_on: [0], requirement_ids: ['R2', 'R3'] })),
        plannedTask('Choose the two best', { task_type: 'analysis', complexity: 'complex', depends_on: [1, 2, 3, 4, 5], requirement_ids: ['R3'] }),
      ],
    },
    {
      name: 'Prototype',
      description: '',
      tasks: [
        plannedTask('Make 10,000 findings', { depends_on: [0], complexity: 'simple', requirement_ids: ['R4'] }),
        plannedTask('Prototype the first', { depends_on: [6], complexity: 'complex', requirement_ids: ['R4'] }),
        plannedTask('Prototype the second', { depends_on: [6], complexity: 'complex', requirement_ids: ['R4'] }),
        plannedTask('Measure synchronisation', { task_type: 'integration', depends_on: [7, 8, 9], requirement_ids: ['R4'] }),
        plannedTask('Try losing the network', { task_type: 'integration', depends_on: [8, 9], requirement_ids: ['R1', 'R4'] }),
      ],
    },
    {
      name: 'Recommend',
      description: '',
      tasks: [
        plannedTask('Draw the comparison', { task_type: 'asset', complexity: 'simple', depends_on: [6], requirement_ids: ['R3'] }),
        plannedTask('Write the recommendation', { task_type: 'documentation', complexity: 'complex', depends_on: [10, 11, 12], requirement_ids: ['R5'] }),
        plannedTask('Check every claim', { task_type: 'analysis', depends_on: [13], requirement_ids: ['R5'] }),
      ],
    },
  ],
  open_questions: [],
};

const HELLO_PLAN: PlanBody = {
  summary: 'A program, its tests and a page about it.',
  tasks: [
    plannedTask('Write hello.py', { complexity: 'simple', affected_files: ['hello.py'] }),
    plannedTask('Write the tests', { complexity: 'simple', depends_on: [0], requirement_ids: ['R2'], affected_files: ['test_hello.py'] }),
    plannedTask('Write the README', { task_type: 'documentation', complexity: 'simple', depends_on: [0], requirement_ids: ['R3'], affected_files: ['README.md'] }),
  ],
};

export const OUTPUT = `## What I found

PouchDB keeps a full copy on the tablet and replicates with CouchDB when a network is there.

| Question | Answer | Source |
|---|---|---|
| Durability | IndexedDB, \`fsync\` is up to the browser | documentation |
| Conflicts | kept as branches, the application must merge | measured |
| Licence | Apache-2.0 | repository |

- [x] Works for a whole day without a network
- [ ] Attachments over 50 MB were not tried

\`\`\`js
const db = new PouchDB('findings', { auto_compaction: true });
await db.sync('https://example.com/findings', { live: true, retry: true });
\`\`\`

> Conflicts are silent until somebody asks for them. That decides a lot.`;

export function makeProject(change: Partial<Project> & Pick<Project, 'id' | 'name'>): Project {
  const created = change.created_at ?? NOW - 7200;
  return {
    requirements: 'Say hello.',
    status: 'draft',
    created_at: created,
    updated_at: created,
    completed_at: null,
    config: { planning_rigor: 'L2' },
    planning_rigor: 'L2',
    task_summary: null,
    ...change,
  };
}

export function makePlan(project: Project, version: number, plan: PlanBody, change: Partial<Plan> = {}): Plan {
  const items = planItems(plan);
  const spreads = items.map((item) => {
    const base = { ollama: 0, haiku: 0.012, sonnet: 0.058, opus: 0.21 }[item.tier];
    return { p50_usd: base, p80_usd: base * 1.6, p95_usd: base * 2.4 };
  });
  const sum = (key: 'p50_usd' | 'p80_usd' | 'p95_usd') => spreads.reduce((total, spread) => total + spread[key], 0.03);
  return {
    id: `${project.id}-plan-${version}`,
    project_id: project.id,
    version,
    model_used: 'claude-sonnet-4-5',
    prompt_tokens: 3120,
    completion_tokens: 2840,
    cost_usd: 0.052,
    plan,
    status: 'draft',
    created_at: project.created_at + version * 300,
    forecast: {
      total: { p50_usd: sum('p50_usd'), p80_usd: sum('p80_usd'), p95_usd: sum('p95_usd') },
      tasks: spreads,
      from_history: 0,
      from_defaults: items.length,
    },
    ...change,
  };
}

export function tasksOf(plan: Plan): Task[] {
  const items = planItems(plan.plan);
  const idOf = (index: number) => `${plan.project_id}-t${index}`;
  return items.map((item) =>
    makeTask({
      id: idOf(item.index),
      project_id: plan.project_id,
      plan_id: plan.id,
      title: item.title,
      description: item.description,
      task_type: item.task_type,
      priority: item.index * 10,
      model_tier: item.tier,
      wave: item.wave,
      phase: item.phase,
      tools: item.tools_needed,
      requirement_ids: item.requirement_ids,
      depends_on: item.depends_on.map(idOf),
      status: item.depends_on.length > 0 ? 'blocked' : 'pending',
      created_at: plan.created_at,
      updated_at: plan.created_at,
    }),
  );
}

export function makeTask(change: Partial<Task> & Pick<Task, 'id'>): Task {
  return {
    project_id: 'p1',
    plan_id: 'p1-plan-1',
    title: 'A task',
    description: 'Do it.',
    task_type: 'code',
    priority: 0,
    status: 'pending',
    model_tier: 'sonnet',
    model_used: null,
    wave: 0,
    phase: null,
    tools: [],
    verification_status: null,
    verification_notes: null,
    requirement_ids: [],
    prompt_tokens: 0,
    completion_tokens: 0,
    cost_usd: 0,
    output_text: null,
    output_artifacts: [],
    error: null,
    depends_on: [],
    started_at: null,
    completed_at: null,
    created_at: NOW - 3600,
    updated_at: NOW - 3600,
    waiting_for: null,
    attempt: 0,
    max_tokens: 4096,
    ...change,
  };
}

/** A layered plan of this many tasks, each needing a few of the layer before. */
export function widePlan(total: number, layers: number): PlanBody {
  const perLayer = Math.ceil(total / layers);
  const names = ['Fetch', 'Parse', 'Check', 'Merge', 'Describe'];
  return {
    summary: `${total} tasks in ${layers} layers, to see how the pages behave.`,
    tasks: Array.from({ length: total }, (_, index) => {
      const layer = Math.floor(index / perLayer);
      const place = index % perLayer;
      const before = (offset: number) => (layer - 1) * perLayer + ((place * 7 + offset * 13) % perLayer);
      return plannedTask(`${names[layer % names.length]} part ${index + 1}`, {
        complexity: 'simple',
        depends_on: layer === 0 ? [] : [...new Set([before(0), before(1)])],
      });
    }),
  };
}

export const SEEDS = {
  handbook: { requirements: HANDBOOK_REQUIREMENTS, plans: [HANDBOOK_V1, HANDBOOK_PLAN] },
  database: { requirements: DATABASE_REQUIREMENTS, plan: DATABASE_PLAN },
  hello: {
    requirements: 'A small command-line program in Python that greets people.\n\nTests cover every option.\n\nA README of at most one page says how to run it.',
    plan: HELLO_PLAN,
  },
};
