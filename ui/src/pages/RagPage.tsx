import { keepPreviousData, useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { Database } from 'lucide-react';
import { useState } from 'react';

import { RAG_PAGE, ragDatabasesQuery, ragDocumentsQuery } from '@/api/queries';
import type { RagDatabase, RagDocument } from '@/api/types';
import { bytes, count, plural } from '@/domain/money';
import type { Tone } from '@/domain/task';
import { classes } from '@/lib/classes';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { EmptyState, Skeleton } from '@/ui/Feedback';
import { SelectField } from '@/ui/Field';
import { Page } from '@/ui/Page';
import { type Column, Table } from '@/ui/Table';

const INDEX: Record<string, { label: string; tone: Tone }> = {
  loaded: { label: 'Ready', tone: 'good' },
  unloaded: { label: 'Not loaded', tone: 'neutral' },
  failed: { label: 'Failed', tone: 'bad' },
  error: { label: 'Failed', tone: 'bad' },
  unknown: { label: 'No file', tone: 'muted' },
};

export default function RagPage() {
  const databases = useSuspenseQuery(ragDatabasesQuery()).data;
  const [name, setName] = useState<string | null>(null);
  const chosen = databases.find((each) => each.name === name) ?? databases[0];
  return (
    <Page title="Knowledge" intro="Databases that tasks may search. Tasks are given the passages that fit, not the whole.">
      {chosen === undefined ? (
        <div className="card">
          <EmptyState title="No knowledge database" icon={<Database aria-hidden className="size-5" />}>
            Databases are named in the server’s configuration. Tasks can then look things up in your own documents.
          </EmptyState>
        </div>
      ) : (
        <div className="grid items-start gap-4 lg:grid-cols-[16rem_minmax(0,1fr)]">
          <ul className="grid gap-2 sm:grid-cols-2 lg:grid-cols-1">
            {databases.map((database) => (
              <li key={database.name}>
                <DatabaseButton database={database} isChosen={database === chosen} onChoose={() => setName(database.name)} />
              </li>
            ))}
          </ul>
          <Documents key={chosen.name} database={chosen} />
        </div>
      )}
    </Page>
  );
}

function DatabaseButton({ database, isChosen, onChoose }: { database: RagDatabase; isChosen: boolean; onChoose: () => void }) {
  const state = INDEX[database.index_status] ?? { label: database.index_status, tone: 'neutral' as const };
  return (
    <button
      type="button"
      aria-pressed={isChosen}
      onClick={onChoose}
      className={classes('card w-full p-3 text-left hover:border-line-strong', isChosen && '!border-accent')}
    >
      <span className="flex items-center justify-between gap-2">
        <span className="truncate font-medium">{database.name}</span>
        <Badge tone={state.tone}>{state.label}</Badge>
      </span>
      <span className="mt-1 block text-sm text-text-3">
        {plural(database.chunk_count, 'passage')} from {plural(database.source_count, 'source')}, {bytes(database.file_size_bytes)}
      </span>
    </button>
  );
}

const COLUMNS: readonly Column<RagDocument>[] = [
  { name: 'Source', className: 'whitespace-nowrap align-top font-medium', cell: (row) => row.source },
  { name: 'Kind', className: 'align-top text-text-3', cell: (row) => row.type_name ?? '–' },
  { name: 'Passage', className: 'min-w-72 text-text-2', cell: (row) => row.text_preview },
];

function Documents({ database }: { database: RagDatabase }) {
  const [source, setSource] = useState('');
  const [offset, setOffset] = useState(0);
  const page = useQuery({
    ...ragDocumentsQuery(database.name, source === '' ? undefined : source, offset),
    placeholderData: keepPreviousData,
  }).data;
  const total = page?.total ?? 0;
  return (
    <Card
      title={database.name}
      aside={
        database.sources.length > 0 && (
          <SelectField
            label="Source"
            isLabelHidden
            value={source}
            onChange={(event) => {
              setSource(event.target.value);
              setOffset(0);
            }}
          >
            <option value="">Every source</option>
            {database.sources.map((each) => (
              <option key={each.source} value={each.source}>
                {each.source} ({count(each.count)})
              </option>
            ))}
          </SelectField>
        )
      }
      isFlush
    >
      {page === undefined ? (
        <Skeleton className="m-4 h-64" />
      ) : (
        <Table
          caption={`Passages of ${database.name}`}
          columns={COLUMNS}
          rows={page.items}
          rowKey={(row) => row.id}
          empty="Nothing is stored here. Passages appear once documents were read into this database."
        />
      )}
      {total > RAG_PAGE && (
        <div className="flex items-center justify-between gap-3 border-t border-line px-4 py-2 text-sm">
          <span className="text-text-3 tabular-nums">
            {count(offset + 1)}–{count(Math.min(total, offset + RAG_PAGE))} of {count(total)}
          </span>
          <span className="flex gap-2">
            <Button size="sm" whyNot={offset === 0 ? 'This is the first page.' : null} onClick={() => setOffset(offset - RAG_PAGE)}>
              Back
            </Button>
            <Button
              size="sm"
              whyNot={offset + RAG_PAGE >= total ? 'This is the last page.' : null}
              onClick={() => setOffset(offset + RAG_PAGE)}
            >
              Next
            </Button>
          </span>
        </div>
      )}
    </Card>
  );
}
