// Retry, edit and cancel for one task, each saying why when it is not possible.
import { Ban, Pencil, RotateCcw } from 'lucide-react';
import { useState } from 'react';

import { api } from '@/api/client';
import type { Task, TaskPatch, Tier } from '@/api/types';
import { useAction } from '@/api/useAction';
import { taskCan, whyNot } from '@/domain/task';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { SelectField, TextArea, TextField } from '@/ui/Field';

export function staleOfTask(task: Task): string[][] {
  return [['task', task.id], ['tasks', task.project_id], ['project', task.project_id], ['checkpoints', task.project_id], ['inbox'], ['projects']];
}

export function TaskActions({ task }: { task: Task }) {
  const [isEditing, setIsEditing] = useState(false);
  const stale = staleOfTask(task);
  const retry = useAction({ send: () => api.post(`/tasks/${task.id}/retry`), stale, done: 'It is tried again.' });
  const cancel = useAction({ send: () => api.post(`/tasks/${task.id}/cancel`), stale, done: 'The task is cancelled.' });
  return (
    <>
      <Button
        kind={task.status === 'failed' ? 'primary' : 'plain'}
        icon={<RotateCcw aria-hidden className="size-4" />}
        whyNot={whyNot('retry', task.status)}
        isBusy={retry.isPending}
        onClick={() => retry.mutate()}
      >
        Retry
      </Button>
      <Button
        icon={<Pencil aria-hidden className="size-4" />}
        whyNot={whyNot('edit', task.status)}
        onClick={() => setIsEditing(true)}
      >
        Edit
      </Button>
      <Button
        kind="danger"
        icon={<Ban aria-hidden className="size-4" />}
        whyNot={whyNot('cancel', task.status)}
        isBusy={cancel.isPending}
        onClick={() => cancel.mutate()}
      >
        Cancel
      </Button>
      {isEditing && <EditDialog task={task} onClose={() => setIsEditing(false)} />}
    </>
  );
}

const TIERS: readonly Tier[] = ['ollama', 'haiku', 'sonnet', 'opus'];

function EditDialog({ task, onClose }: { task: Task; onClose: () => void }) {
  const mayRetry = taskCan.retry(task.status);
  const save = useAction({
    send: async ({ patch, andRetry }: { patch: TaskPatch; andRetry: boolean }) => {
      await api.patch(`/tasks/${task.id}`, patch);
      if (andRetry) await api.post(`/tasks/${task.id}/retry`);
    },
    stale: staleOfTask(task),
    done: 'Saved.',
    onDone: onClose,
  });
  return (
    <Dialog
      title="Edit task"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Discard</Button>
          <Button type="submit" form="edit-task" kind={mayRetry ? 'plain' : 'primary'} value="save" isBusy={save.isPending}>
            Save
          </Button>
          {mayRetry && (
            <Button type="submit" form="edit-task" kind="primary" value="retry" isBusy={save.isPending}>
              Save and retry
            </Button>
          )}
        </>
      }
    >
      <form
        id="edit-task"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const submitter = (event.nativeEvent as SubmitEvent).submitter;
          save.mutate({
            patch: {
              title: String(form.get('title')),
              description: String(form.get('description')),
              model_tier: form.get('tier') as Tier,
              priority: Number(form.get('priority')),
            },
            andRetry: submitter instanceof HTMLButtonElement && submitter.value === 'retry',
          });
        }}
      >
        <TextField label="Title" name="title" defaultValue={task.title} required maxLength={200} />
        <TextArea
          label="Description"
          name="description"
          defaultValue={task.description}
          required
          maxLength={50_000}
          rows={8}
          hint="The model is told exactly this."
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <SelectField label="Model tier" name="tier" defaultValue={task.model_tier}>
            {TIERS.map((tier) => (
              <option key={tier} value={tier}>
                {tier === 'ollama' ? 'local' : tier}
              </option>
            ))}
          </SelectField>
          <TextField
            label="Priority"
            name="priority"
            type="number"
            min={0}
            max={1000}
            defaultValue={task.priority}
            hint="Lower starts first."
          />
        </div>
      </form>
    </Dialog>
  );
}
