// The plan's tasks as a graph by waves.
import { Bot, Code, FileText, Image, Microscope, Puzzle, Scale } from 'lucide-react';

import type { TaskType } from '@/api/types';
import type { PlanItem } from '@/domain/plan';
import { LazyGraph } from '@/ui/LazyGraph';

const ICONS: Record<TaskType, typeof Bot> = {
  code: Code,
  research: Microscope,
  analysis: Scale,
  asset: Image,
  integration: Puzzle,
  documentation: FileText,
};

interface PlanGraphProps {
  items: readonly PlanItem[];
  marked: ReadonlySet<string> | null;
  selected: string | null;
  onSelect: (id: string | null) => void;
}

export function PlanGraph({ items, marked, selected, onSelect }: PlanGraphProps) {
  const nodes = items.map((item) => {
    const Icon = ICONS[item.task_type] ?? Bot;
    return {
      id: String(item.index),
      wave: item.wave,
      depends_on: item.depends_on.map(String),
      title: item.title,
      note: `${item.tier === 'ollama' ? 'local' : item.tier} · ${item.requirement_ids.join(' ') || 'serves none'}`,
      icon: <Icon aria-hidden className="size-3.5 shrink-0 text-text-3" />,
      tone: 'neutral' as const,
    };
  });
  return <LazyGraph label="Graph of the plan" nodes={nodes} marked={marked} selected={selected} onSelect={onSelect} />;
}
