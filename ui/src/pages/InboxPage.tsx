import { useQueries, useSuspenseQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { BellRing, ClipboardCheck, Hand, Inbox, ListChecks } from 'lucide-react';
import { useState } from 'react';

import { type InboxEntry, inboxQuery } from '@/api/inbox';
import { tasksQuery } from '@/api/queries';
import { behind, dependentsOf } from '@/domain/graph';
import { plural } from '@/domain/money';
import { CheckpointForm, PastTries } from '@/features/checkpoints/CheckpointForm';
import { ReviewForm } from '@/features/tasks/ReviewForm';
import { VerdictCard } from '@/features/tasks/VerdictCard';
import { toast } from '@/lib/toast';
import { paths } from '@/paths';
import { Badge } from '@/ui/Badge';
import { Button, buttonClass } from '@/ui/Button';
import { EmptyState } from '@/ui/Feedback';
import { Choice } from '@/ui/Field';
import { LazyMarkdown } from '@/ui/LazyMarkdown';
import { Page } from '@/ui/Page';
import { Time } from '@/ui/Time';

type Order = 'oldest' | 'blocking';

export default function InboxPage() {
  const entries = useSuspenseQuery(inboxQuery()).data;
  const [order, setOrder] = useState<Order>('blocking');
  const blocks = useBlocking(entries);
  const sorted = order === 'oldest' ? entries : [...entries].sort((a, b) => blocks(b) - blocks(a));
  return (
    <Page
      title="Inbox"
      intro="Everything that waits for a person. What you decide here lets the work behind it go on."
      width="md"
      actions={
        entries.length > 0 && (
          <>
            <Notifications />
            <Choice
              label="Order"
              isLabelHidden
              value={order}
              onChange={setOrder}
              options={[
                { value: 'blocking', label: 'Most blocking' },
                { value: 'oldest', label: 'Oldest' },
              ]}
            />
          </>
        )
      }
    >
      {entries.length === 0 ? (
        <div className="card">
          <EmptyState title="Nothing waits for you" icon={<Inbox aria-hidden className="size-5" />}>
            Plans to approve, outputs to judge and questions that stop a task appear here, from all projects. The tab’s icon
            shows how many there are.
          </EmptyState>
        </div>
      ) : (
        <ul className="space-y-4">
          {sorted.map((entry) => (
            <li key={entry.id}>
              <Entry entry={entry} blocks={blocks(entry)} />
            </li>
          ))}
        </ul>
      )}
    </Page>
  );
}

/** How many tasks cannot start before the entry's task is decided. */
function useBlocking(entries: readonly InboxEntry[]): (entry: InboxEntry) => number {
  const ids = [...new Set(entries.filter((entry) => entry.kind !== 'plan').map((entry) => entry.project.id))];
  const lists = useQueries({ queries: ids.map((id) => tasksQuery(id)) });
  const dependents = new Map(ids.map((id, index) => [id, dependentsOf(lists[index]?.data ?? [])]));
  return (entry) => {
    const known = dependents.get(entry.project.id);
    const taskId = entry.kind === 'plan' ? undefined : entry.task?.id;
    return known && taskId !== undefined ? behind(taskId, known).size : 0;
  };
}

const KINDS = {
  plan: { label: 'Plan to approve', icon: <ListChecks aria-hidden className="size-3" /> },
  review: { label: 'Output to judge', icon: <ClipboardCheck aria-hidden className="size-3" /> },
  checkpoint: { label: 'Question', icon: <Hand aria-hidden className="size-3" /> },
} as const;

function Entry({ entry, blocks }: { entry: InboxEntry; blocks: number }) {
  const { project } = entry;
  const title = titleOf(entry);
  const to = entry.kind === 'plan' ? paths.projectTab(project.id, 'plan') : entry.task && paths.task(project.id, entry.task.id);
  return (
    <article className="card" aria-label={title}>
      <header className="border-b border-line px-4 py-3">
        <div className="flex flex-wrap items-center gap-2 text-sm text-text-3">
          <Badge tone="warn" icon={KINDS[entry.kind].icon}>
            {KINDS[entry.kind].label}
          </Badge>
          <Link to={paths.project(project.id)} className="hover:text-text hover:underline">
            {project.name}
          </Link>
          <Time at={entry.since} className="ml-auto" />
        </div>
        <h2 className="mt-1.5 text-lg font-semibold">
          {to ? (
            <Link to={to} className="underline-offset-2 hover:underline">
              {title}
            </Link>
          ) : (
            title
          )}
        </h2>
        {blocks > 0 && <p className="text-sm text-warn">{plural(blocks, 'task')} cannot start before this.</p>}
      </header>
      <div className="space-y-4 p-4">
        <Body entry={entry} />
      </div>
    </article>
  );
}

function titleOf(entry: InboxEntry): string {
  switch (entry.kind) {
    case 'plan':
      return `Version ${entry.plan.version} of the plan`;
    case 'review':
      return entry.task.title;
    case 'checkpoint':
      return entry.task?.title ?? entry.checkpoint.summary;
  }
}

function Body({ entry }: { entry: InboxEntry }) {
  switch (entry.kind) {
    case 'plan':
      return (
        <>
          <p className="text-text-2">{entry.plan.plan.summary}</p>
          <Link to={paths.projectTab(entry.project.id, 'plan')} className={buttonClass('primary')}>
            Read and approve
          </Link>
        </>
      );
    case 'review':
      return (
        <>
          <VerdictCard task={entry.task} />
          <Output text={entry.task.output_text} />
          <ReviewForm task={entry.task} />
        </>
      );
    case 'checkpoint':
      return (
        <>
          <p className="text-text-2">{entry.checkpoint.summary}</p>
          <PastTries checkpoint={entry.checkpoint} />
          <Output text={entry.task?.output_text ?? null} />
          <CheckpointForm checkpoint={entry.checkpoint} />
        </>
      );
  }
}

function Output({ text }: { text: string | null }) {
  if (!text) return null;
  return (
    <details className="rounded-md border border-line">
      <summary className="cursor-pointer px-3 py-2 text-sm font-medium hover:bg-sunken">Last output</summary>
      <div className="max-h-96 overflow-y-auto border-t border-line p-3" tabIndex={0} role="region" aria-label="Last output">
        <LazyMarkdown text={text} />
      </div>
    </details>
  );
}

/** Asked for only by a click: browsers, and people, refuse otherwise. */
function Notifications() {
  const [permission, setPermission] = useState(() => ('Notification' in window ? Notification.permission : 'denied'));
  if (permission !== 'default') return null;
  const ask = async () => {
    const answer = await Notification.requestPermission();
    setPermission(answer);
    if (answer === 'granted') toast.good('The browser will tell you when something new waits.');
  };
  return (
    <Button kind="quiet" icon={<BellRing aria-hidden className="size-4" />} onClick={() => void ask()}>
      Notify me
    </Button>
  );
}
