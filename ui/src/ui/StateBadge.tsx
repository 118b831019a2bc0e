// The state of a task or project: icon, word and tone, the same everywhere.
import {
  Ban,
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CirclePause,
  CirclePlay,
  CircleX,
  Circle,
  Clock,
  Hand,
  LoaderCircle,
  type LucideIcon,
  PencilLine,
  Sparkles,
} from 'lucide-react';

import type { ProjectState, TaskState } from '@/api/types';
import { PROJECT_STATES } from '@/domain/project';
import { type StateLook, TASK_STATES } from '@/domain/task';
import { classes } from '@/lib/classes';

import { Badge, TONE_TEXT } from './Badge';

const TASK_ICONS: Record<TaskState, LucideIcon> = {
  pending: Circle,
  blocked: CircleDashed,
  queued: Clock,
  running: LoaderCircle,
  needs_review: Hand,
  completed: CircleCheck,
  failed: CircleX,
  cancelled: Ban,
};

const PROJECT_ICONS: Record<ProjectState, LucideIcon> = {
  draft: PencilLine,
  planning: Sparkles,
  ready: CirclePlay,
  executing: LoaderCircle,
  paused: CirclePause,
  completed: CircleCheck,
  failed: CircleAlert,
  cancelled: Ban,
};

function StateBadge({ look, icon: Icon, isMoving }: { look: StateLook; icon: LucideIcon; isMoving: boolean }) {
  return (
    <Badge
      tone={look.tone}
      title={look.meaning}
      icon={<Icon aria-hidden className={classes('size-3', isMoving && 'animate-spin [animation-duration:2.5s]')} />}
    >
      {look.label}
    </Badge>
  );
}

export function TaskBadge({ state }: { state: TaskState }) {
  return <StateBadge look={TASK_STATES[state]} icon={TASK_ICONS[state]} isMoving={state === 'running'} />;
}

export function ProjectBadge({ state }: { state: ProjectState }) {
  return <StateBadge look={PROJECT_STATES[state]} icon={PROJECT_ICONS[state]} isMoving={state === 'executing'} />;
}

/** The icon alone, for dense places; its name is read out. */
export function TaskIcon({ state, className = 'size-4' }: { state: TaskState; className?: string }) {
  const Icon = TASK_ICONS[state];
  const look = TASK_STATES[state];
  return (
    <Icon
      role="img"
      aria-label={look.label}
      className={classes(
        'shrink-0',
        TONE_TEXT[look.tone],
        state === 'running' && 'animate-spin [animation-duration:2.5s]',
        className,
      )}
    />
  );
}
