// Answers a checkpoint: once, and with what each answer leads to.
import { useState } from 'react';

import { api } from '@/api/client';
import type { Checkpoint, Resolution } from '@/api/types';
import { useAction } from '@/api/useAction';
import { clockTime } from '@/domain/time';
import { Button } from '@/ui/Button';
import { TextArea, TextField } from '@/ui/Field';

const MEANINGS: Record<Resolution, string> = {
  retry: 'It is tried again and told your guidance.',
  skip: 'Tasks that need it go on without it.',
  fail: 'It is given up, and tasks that need it are not done.',
};

export function CheckpointForm({ checkpoint }: { checkpoint: Checkpoint }) {
  const [guidance, setGuidance] = useState('');
  const [gotcha, setGotcha] = useState('');
  const { project_id, task_id } = checkpoint;
  const resolve = useAction({
    send: (action: Resolution) =>
      api.post(`/checkpoints/${checkpoint.id}/resolve`, { action, guidance: guidance.trim(), gotcha: gotcha.trim() }),
    stale: [['inbox'], ['checkpoints', project_id], ['tasks', project_id], ['project', project_id], ['projects'], ['task', task_id ?? '']],
    done: 'Answered. What waited for it goes on.',
  });
  return (
    <div className="space-y-3">
      <p className="font-medium">{checkpoint.question}</p>
      <TextArea
        label="Guidance for the next attempt"
        value={guidance}
        maxLength={10_000}
        rows={3}
        onChange={(event) => setGuidance(event.target.value)}
      />
      <details className="text-sm">
        <summary className="cursor-pointer text-text-2 hover:text-text">Remember something for all later tasks</summary>
        <TextField
          label="What every task should know"
          isLabelHidden
          className="mt-2"
          value={gotcha}
          maxLength={2_000}
          placeholder="Such as: sources must be primary"
          onChange={(event) => setGotcha(event.target.value)}
        />
      </details>
      <div className="flex flex-wrap gap-2">
        <Button kind="primary" title={MEANINGS.retry} isBusy={resolve.isPending} onClick={() => resolve.mutate('retry')}>
          Try again
        </Button>
        <Button title={MEANINGS.skip} isBusy={resolve.isPending} onClick={() => resolve.mutate('skip')}>
          Go on without it
        </Button>
        <Button kind="danger" title={MEANINGS.fail} isBusy={resolve.isPending} onClick={() => resolve.mutate('fail')}>
          Give it up
        </Button>
      </div>
    </div>
  );
}

export function PastTries({ checkpoint }: { checkpoint: Checkpoint }) {
  if (checkpoint.attempts.length === 0) return null;
  return (
    <ol className="space-y-1.5 border-l-2 border-line pl-3 text-sm">
      {checkpoint.attempts.map((attempt, index) => (
        <li key={attempt.timestamp}>
          <span className="text-text-3 tabular-nums">
            Try {index + 1}, {clockTime(attempt.timestamp)}
          </span>
          <span className="block text-text-2">{attempt.message}</span>
        </li>
      ))}
    </ol>
  );
}
