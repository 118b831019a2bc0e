// What can be done with a project now. What cannot be undone asks first.
import { CirclePause, CirclePlay, CircleX, Sparkles } from 'lucide-react';
import { useState } from 'react';

import { api } from '@/api/client';
import type { Plan, Project } from '@/api/types';
import { useAction } from '@/api/useAction';
import { PROJECT_STATES, projectCan } from '@/domain/project';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';

const ICON = 'size-4';

export function staleOf(projectId: string): string[][] {
  return [['project', projectId], ['tasks', projectId], ['plans', projectId], ['projects'], ['inbox']];
}

/** Asks for a plan and does not wait for it: the event stream tells when it is there. */
export function usePlanning(projectId: string) {
  return useAction({
    send: () => api.post(`/projects/${projectId}/plan`, {}, { Prefer: 'respond-async' }),
    stale: staleOf(projectId),
  });
}

export function ProjectActions({ project, plans }: { project: Project; plans: readonly Plan[] }) {
  const [isCancelling, setIsCancelling] = useState(false);
  const stale = staleOf(project.id);
  const path = `/projects/${project.id}`;
  const execute = useAction({ send: () => api.post(`${path}/execute`), stale, done: 'Execution goes on.' });
  const pause = useAction({ send: () => api.post(`${path}/pause`), stale, done: 'Paused. Calls in flight finish and keep their answers.' });
  const plan = usePlanning(project.id);

  const { status } = project;
  const label = PROJECT_STATES[status].label.toLowerCase();
  const hasApproved = plans.some((each) => each.status === 'approved');
  return (
    <>
      {status === 'draft' && !hasApproved && (
        <Button
          kind={plans.length === 0 ? 'primary' : 'plain'}
          icon={<Sparkles aria-hidden className={ICON} />}
          isBusy={plan.isPending}
          onClick={() => plan.mutate()}
        >
          {plans.length === 0 ? 'Propose a plan' : 'Plan again'}
        </Button>
      )}
      {(status === 'ready' || status === 'paused') && (
        <Button
          kind="primary"
          icon={<CirclePlay aria-hidden className={ICON} />}
          isBusy={execute.isPending}
          onClick={() => execute.mutate()}
        >
          {status === 'ready' ? 'Start' : 'Resume'}
        </Button>
      )}
      {status === 'executing' && (
        <Button icon={<CirclePause aria-hidden className={ICON} />} isBusy={pause.isPending} onClick={() => pause.mutate()}>
          Pause
        </Button>
      )}
      {status !== 'completed' && status !== 'cancelled' && (
        <Button
          kind="danger"
          icon={<CircleX aria-hidden className={ICON} />}
          whyNot={projectCan('cancel', status) ? null : `A project that is ${label} cannot be cancelled.`}
          onClick={() => setIsCancelling(true)}
        >
          Cancel
        </Button>
      )}
      {isCancelling && <CancelDialog project={project} onClose={() => setIsCancelling(false)} />}
    </>
  );
}

function CancelDialog({ project, onClose }: { project: Project; onClose: () => void }) {
  const cancel = useAction({
    send: () => api.post(`/projects/${project.id}/cancel`),
    stale: staleOf(project.id),
    done: 'The project is cancelled.',
    onDone: onClose,
  });
  const { total = 0, completed = 0, running = 0 } = project.task_summary ?? {};
  return (
    <Dialog
      title="Cancel this project?"
      size="sm"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button kind="danger" isBusy={cancel.isPending} onClick={() => cancel.mutate()}>
            Cancel the project
          </Button>
        </>
      }
    >
      <p>
        {running > 0 ? `${running} running tasks are cut off within seconds. ` : ''}
        {total - completed > 0
          ? `${total - completed} of ${total} tasks will not be done. Outputs that exist are kept.`
          : 'Outputs that exist are kept.'}{' '}
        A cancelled project cannot be resumed. To stop for a while, pause it instead.
      </p>
    </Dialog>
  );
}
