// Requirements as one writes them, with the numbers that the plan will use beside
// them. A file can be dropped on it.
import { FileUp } from 'lucide-react';
import { type DragEvent, useDeferredValue, useRef, useState } from 'react';

import { count, plural } from '@/domain/money';
import { REQUIREMENTS_MAX_CHARS, splitRequirements } from '@/domain/requirement';
import { classes } from '@/lib/classes';
import { toast } from '@/lib/toast';
import { Button } from '@/ui/Button';
import { TextArea } from '@/ui/Field';

interface EditorProps {
  value: string;
  onChange: (text: string) => void;
  error?: string | null;
}

const FILES = '.md,.markdown,.txt,text/plain,text/markdown';
const FILE_MAX_BYTES = 1_000_000;

export function RequirementsEditor({ value, onChange, error = null }: EditorProps) {
  const [isOver, setIsOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const read = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > FILE_MAX_BYTES) toast.bad(`${file.name} is too large for requirements.`);
    else onChange(await file.text());
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    void read(event.dataTransfer.files[0]);
  };

  const length = [...value].length;
  const tooLong = length > REQUIREMENTS_MAX_CHARS;
  const problem = tooLong
    ? `${count(length)} characters; at most ${count(REQUIREMENTS_MAX_CHARS)} are allowed.`
    : error;
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <div
        onDragOver={(event) => {
          event.preventDefault();
          setIsOver(true);
        }}
        onDragLeave={() => setIsOver(false)}
        onDrop={drop}
        className={classes('rounded-lg', isOver && 'outline-2 outline-offset-4 outline-accent outline-dashed')}
      >
        <TextArea
          label="Requirements"
          value={value}
          error={problem}
          hint="Each paragraph and each list item counts as one. Headings only group."
          onChange={(event) => onChange(event.target.value)}
          required
          spellCheck
          rows={18}
          placeholder={'What do you want to have in the end?\n\n- One thing per item\n- and how you will know that it is done'}
          inputClass="font-mono text-sm leading-relaxed min-h-64"
        />
        <div className="mt-2 flex items-center gap-2 text-sm text-text-3">
          <input
            ref={input}
            type="file"
            accept={FILES}
            className="sr-only"
            tabIndex={-1}
            aria-label="File with requirements"
            onChange={(event) => {
              void read(event.target.files?.[0]);
              event.target.value = '';
            }}
          />
          <Button size="sm" icon={<FileUp aria-hidden className="size-3.5" />} onClick={() => input.current?.click()}>
            Open a file
          </Button>
          <span className="hidden sm:inline">or drop one here</span>
        </div>
      </div>
      <Numbered text={value} />
    </div>
  );
}

function Numbered({ text }: { text: string }) {
  const requirements = splitRequirements(useDeferredValue(text));
  return (
    <section aria-label="Numbered requirements" className="flex min-h-0 flex-col">
      <p className="mb-1 text-sm font-medium" aria-live="polite">
        {requirements.length === 0 ? 'How they will be numbered' : plural(requirements.length, 'requirement')}
      </p>
      <div
        tabIndex={0}
        role="region"
        aria-label="Requirements with numbers"
        className="max-h-[29rem] min-h-64 flex-1 overflow-y-auto rounded-md border border-line bg-sunken/60 p-3"
      >
        {requirements.length === 0 ? (
          <p className="text-sm text-text-3">
            As you write, each requirement appears here with its number. Tasks of the plan name the numbers they serve,
            so you can see at once what is covered and what is missing.
          </p>
        ) : (
          <RequirementLines requirements={requirements} />
        )}
      </div>
    </section>
  );
}

export function RequirementLines({ requirements }: { requirements: ReturnType<typeof splitRequirements> }) {
  return (
    <ol className="space-y-2">
      {requirements.map((requirement, index) => (
        <li key={requirement.id}>
          {requirement.section !== null && requirement.section !== requirements[index - 1]?.section && (
            <p className="mt-3 mb-1.5 text-xs font-semibold text-text-2 first:mt-0">{requirement.section}</p>
          )}
          <div className="flex gap-2.5">
            <span className="mt-px h-5 shrink-0 rounded bg-accent-soft px-1.5 font-mono text-xs leading-5 font-medium text-accent-text">
              {requirement.id}
            </span>
            <span className="min-w-0 text-sm break-words whitespace-pre-wrap">{requirement.text}</span>
          </div>
        </li>
      ))}
    </ol>
  );
}
