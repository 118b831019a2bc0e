// What a task produced: rendered or as it is, to copy or to keep.
import { Check, Copy, Download } from 'lucide-react';
import { useState } from 'react';

import type { Task } from '@/api/types';
import { useStored } from '@/lib/useStored';
import { toast } from '@/lib/toast';
import { IconButton } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { EmptyState } from '@/ui/Feedback';
import { Choice } from '@/ui/Field';
import { LazyMarkdown } from '@/ui/LazyMarkdown';

const VIEWS = [
  { value: 'rendered', label: 'Rendered' },
  { value: 'source', label: 'Source' },
] as const;

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [isCopied, setIsCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setIsCopied(true);
      setTimeout(() => setIsCopied(false), 1500);
    } catch {
      toast.bad('The browser does not allow copying here.');
    }
  };
  return (
    <IconButton
      label={isCopied ? 'Copied' : label}
      icon={isCopied ? <Check aria-hidden className="size-4 text-good" /> : <Copy aria-hidden className="size-4" />}
      onClick={() => void copy()}
    />
  );
}

function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/markdown' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

export function OutputCard({ task, liveText }: { task: Task; liveText: string | undefined }) {
  const [view, setView] = useStored('orch_output_view', ['rendered', 'source'], 'rendered');
  const output = task.output_text;
  if (!output) {
    return (
      <Card title={task.status === 'running' ? 'What the model writes' : 'Output'}>
        {liveText && task.status === 'running' ? (
          <pre tabIndex={0} aria-label="Live text" className="max-h-96 overflow-y-auto font-mono text-xs whitespace-pre-wrap text-text-2">
            {liveText}
          </pre>
        ) : (
          <EmptyState title="No output yet">It appears here when the task is done. Tasks that depend on it are told it.</EmptyState>
        )}
      </Card>
    );
  }
  return (
    <Card
      title="Output"
      aside={
        <div className="flex items-center gap-1">
          <Choice label="View" isLabelHidden size="sm" value={view} options={VIEWS} onChange={setView} />
          <CopyButton text={output} label="Copy the output" />
          <IconButton
            label="Download the output"
            icon={<Download aria-hidden className="size-4" />}
            onClick={() => save(`${task.title.replace(/[^\p{L}\p{N}]+/gu, '-')}.md`, output)}
          />
        </div>
      }
    >
      {view === 'rendered' ? (
        <LazyMarkdown text={output} />
      ) : (
        <pre tabIndex={0} aria-label="Output as text" className="overflow-x-auto font-mono text-xs whitespace-pre-wrap">
          {output}
        </pre>
      )}
    </Card>
  );
}
