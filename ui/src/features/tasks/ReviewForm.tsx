// A person judges an output: accept it, or have it tried again with what is missing.
import { useState } from 'react';

import { api } from '@/api/client';
import type { Task } from '@/api/types';
import { useAction } from '@/api/useAction';
import { Button } from '@/ui/Button';
import { TextArea } from '@/ui/Field';

import { staleOfTask } from './TaskActions';

export function ReviewForm({ task }: { task: Task }) {
  const [feedback, setFeedback] = useState('');
  const review = useAction({
    send: (action: 'approve' | 'retry') => api.post(`/tasks/${task.id}/review`, { action, feedback: feedback.trim() }),
    stale: staleOfTask(task),
    done: 'Decided. What waited for it goes on.',
  });
  return (
    <div className="space-y-3">
      <TextArea
        label="What should be different?"
        value={feedback}
        maxLength={10_000}
        rows={3}
        onChange={(event) => setFeedback(event.target.value)}
        hint="The next attempt is told this. Leave it empty to accept the output."
      />
      <div className="flex flex-wrap gap-2">
        <Button
          kind={feedback.trim() === '' ? 'primary' : 'plain'}
          isBusy={review.isPending}
          whyNot={task.output_text ? null : 'There is no output to accept.'}
          onClick={() => review.mutate('approve')}
        >
          Accept the output
        </Button>
        <Button
          kind={feedback.trim() === '' ? 'plain' : 'primary'}
          isBusy={review.isPending}
          onClick={() => review.mutate('retry')}
        >
          {feedback.trim() === '' ? 'Try again' : 'Try again with this'}
        </Button>
      </div>
    </div>
  );
}
