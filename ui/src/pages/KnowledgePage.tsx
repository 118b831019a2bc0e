import { useSuspenseQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { Lightbulb, Trash2 } from 'lucide-react';
import { useState } from 'react';

import { api } from '@/api/client';
import { knowledgeQuery } from '@/api/queries';
import { useAction } from '@/api/useAction';
import { paths } from '@/paths';
import { Badge } from '@/ui/Badge';
import { IconButton } from '@/ui/Button';
import { EmptyState } from '@/ui/Feedback';
import { SelectField } from '@/ui/Field';
import { Time } from '@/ui/Time';

export default function KnowledgePage() {
  const { id } = useParams({ from: '/signed-in/project/$id/knowledge' });
  const findings = useSuspenseQuery(knowledgeQuery(id)).data;
  const [category, setCategory] = useState('');
  const remove = useAction({
    send: (findingId: string) => api.delete(`/projects/${id}/knowledge/${findingId}`),
    stale: [['knowledge', id]],
    done: 'Forgotten. Later tasks are not told it.',
  });
  const categories = [...new Set(findings.map((finding) => finding.category))].sort();
  const shown = findings.filter((finding) => category === '' || finding.category === category);
  return (
    <div className="mx-auto w-full max-w-4xl space-y-3 p-4 sm:p-6">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-text-2">What tasks found out that later tasks should know. They are told it.</p>
        {categories.length > 1 && (
          <SelectField label="Category" isLabelHidden value={category} onChange={(event) => setCategory(event.target.value)}>
            <option value="">Every category</option>
            {categories.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </SelectField>
        )}
      </div>
      <div className="card">
        {shown.length === 0 ? (
          <EmptyState title="Nothing learned yet" icon={<Lightbulb aria-hidden className="size-5" />}>
            When a task is completed, constraints, decisions and pitfalls are taken from its output and kept here.
          </EmptyState>
        ) : (
          <ul className="divide-y divide-line">
            {shown.map((finding) => (
              <li key={finding.id} className="flex items-start gap-3 px-4 py-3">
                <span className="w-24 shrink-0 pt-0.5">
                  <Badge>{finding.category}</Badge>
                </span>
                <div className="min-w-0 flex-1">
                  <p className="break-words">{finding.content}</p>
                  <p className="mt-0.5 text-sm text-text-3">
                    {finding.task_id !== null && (
                      <>
                        from{' '}
                        <Link to={paths.task(id, finding.task_id)} className="underline underline-offset-2 hover:text-text">
                          {finding.source_task_title ?? 'a task'}
                        </Link>
                        ,{' '}
                      </>
                    )}
                    <Time at={finding.created_at} />
                  </p>
                </div>
                <IconButton
                  label="Forget this"
                  icon={<Trash2 aria-hidden className="size-4" />}
                  onClick={() => remove.mutate(finding.id)}
                />
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
