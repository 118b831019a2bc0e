// What a plan says besides its tasks: open questions, risks, how it is tested.
import type { Level, PlanBody } from '@/api/types';
import type { Tone } from '@/domain/task';
import { Badge } from '@/ui/Badge';
import { Card } from '@/ui/Card';

const LEVELS: Record<Level, Tone> = { low: 'neutral', medium: 'warn', high: 'bad' };

export function PlanNotes({ plan }: { plan: PlanBody }) {
  const questions = plan.open_questions ?? [];
  const risks = plan.risk_assessment ?? [];
  const strategy = plan.test_strategy;
  if (questions.length === 0 && risks.length === 0 && !strategy) return null;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      {questions.length > 0 && (
        <Card title={`Open questions (${questions.length})`} isFlush>
          <ul className="divide-y divide-line">
            {questions.map((each) => (
              <li key={each.question} className="px-4 py-3 text-sm">
                <p className="font-medium">{each.question}</p>
                <p className="mt-1 text-text-2">
                  <span className="text-text-3">The plan assumes:</span> {each.proposed_answer}
                </p>
                <p className="text-text-2">
                  <span className="text-text-3">If not:</span> {each.impact}
                </p>
              </li>
            ))}
          </ul>
        </Card>
      )}
      {risks.length > 0 && (
        <Card title={`Risks (${risks.length})`} isFlush>
          <ul className="divide-y divide-line">
            {risks.map((each) => (
              <li key={each.risk} className="px-4 py-3 text-sm">
                <p className="font-medium">{each.risk}</p>
                <p className="mt-1 flex gap-1.5">
                  <Badge tone={LEVELS[each.likelihood] ?? 'neutral'}>likelihood {each.likelihood}</Badge>
                  <Badge tone={LEVELS[each.impact] ?? 'neutral'}>impact {each.impact}</Badge>
                </p>
                <p className="mt-1 text-text-2">{each.mitigation}</p>
              </li>
            ))}
          </ul>
        </Card>
      )}
      {strategy && (
        <Card title="How it is tested">
          <p>{strategy.approach}</p>
          {strategy.test_tasks.length > 0 && (
            <ul className="mt-2 list-disc pl-5 text-sm text-text-2">
              {strategy.test_tasks.map((title) => (
                <li key={title}>{title}</li>
              ))}
            </ul>
          )}
          {strategy.coverage_notes !== '' && <p className="mt-2 text-sm text-text-3">{strategy.coverage_notes}</p>}
        </Card>
      )}
    </div>
  );
}
