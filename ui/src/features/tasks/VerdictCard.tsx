import { Gavel } from 'lucide-react';

import type { Task } from '@/api/types';
import { VERDICTS } from '@/domain/task';
import { Badge } from '@/ui/Badge';
import { Card } from '@/ui/Card';

export function VerdictCard({ task }: { task: Task }) {
  if (task.verification_status === null) return null;
  const verdict = VERDICTS[task.verification_status];
  return (
    <Card
      title="Verdict"
      aside={
        <Badge tone={verdict?.tone ?? 'neutral'} icon={<Gavel aria-hidden className="size-3" />}>
          {verdict?.label ?? task.verification_status}
        </Badge>
      }
    >
      <p className="whitespace-pre-line">{task.verification_notes || 'The verifier said nothing more.'}</p>
    </Card>
  );
}
