import { useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { api } from '@/api/client';
import { apiKeysQuery, identitiesQuery } from '@/api/queries';
import type { ApiKey, ApiKeyCreated } from '@/api/types';
import { useAction } from '@/api/useAction';
import { useMe } from '@/api/useMe';
import { fullTime } from '@/domain/time';
import { setTheme, useTheme } from '@/lib/theme';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Facts } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Note } from '@/ui/Feedback';
import { Choice, TextField } from '@/ui/Field';
import { Page } from '@/ui/Page';
import { type Column, Table } from '@/ui/Table';
import { Time } from '@/ui/Time';

export default function SettingsPage() {
  const { theme } = useTheme();
  return (
    <Page title="Settings" width="md">
      <div className="space-y-4">
        <Profile />
        <Card title="Appearance">
          <Choice
            label="Theme"
            value={theme}
            onChange={setTheme}
            options={[
              { value: 'light', label: 'Light' },
              { value: 'dark', label: 'Dark' },
              { value: 'system', label: 'Like the system' },
            ]}
          />
        </Card>
        <Identities />
        <ApiKeys />
      </div>
    </Page>
  );
}

function Profile() {
  const me = useMe();
  return (
    <Card title="You">
      <Facts
        facts={[
          ['Name', me.display_name],
          ['Email', me.email],
          ['Role', me.role === 'admin' ? 'Administrator' : 'User'],
          ['Password', me.has_password ? 'set' : 'none; you sign in through a provider'],
        ]}
      />
    </Card>
  );
}

function Identities() {
  const identities = useQuery(identitiesQuery()).data ?? [];
  const unlink = useAction({
    send: (provider: string) => api.delete(`/auth/oidc/link/${encodeURIComponent(provider)}`),
    stale: [['identities'], ['me']],
    done: 'Unlinked.',
  });
  if (identities.length === 0) return null;
  return (
    <Card title="Linked accounts" isFlush>
      <ul className="divide-y divide-line">
        {identities.map((identity) => (
          <li key={identity.provider} className="flex items-center justify-between gap-3 px-4 py-2.5">
            <span>
              {identity.provider} <span className="text-text-3">{identity.provider_email}</span>
            </span>
            <Button size="sm" isBusy={unlink.isPending} onClick={() => unlink.mutate(identity.provider)}>
              Unlink
            </Button>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function ApiKeys() {
  const keys = useSuspenseQuery(apiKeysQuery()).data;
  const [name, setName] = useState('');
  const [created, setCreated] = useState<ApiKeyCreated | null>(null);
  const create = useAction({
    send: () => api.post<ApiKeyCreated>('/auth/api-keys', { name: name.trim() }),
    stale: [['api-keys']],
    onDone: (key) => {
      setName('');
      setCreated(key);
    },
  });
  const revoke = useAction({
    send: (id: string) => api.delete(`/auth/api-keys/${id}`),
    stale: [['api-keys']],
    done: 'Revoked. Programs that use it are refused from now on.',
  });
  const columns: Column<ApiKey>[] = [
    { name: 'Name', cell: (key) => <span className="font-medium">{key.name}</span> },
    { name: 'Key', className: 'font-mono text-xs', cell: (key) => `${key.key_prefix}…` },
    { name: 'Made', className: 'whitespace-nowrap', cell: (key) => <span title={fullTime(key.created_at)}><Time at={key.created_at} /></span> },
    { name: 'Last used', className: 'whitespace-nowrap', cell: (key) => (key.last_used_at === null ? 'never' : <Time at={key.last_used_at} />) },
    {
      name: 'Change',
      isNumber: true,
      cell: (key) =>
        key.is_active ? (
          <Button size="sm" kind="danger" aria-label={`Revoke ${key.name}`} onClick={() => revoke.mutate(key.id)}>
            Revoke
          </Button>
        ) : (
          <Badge tone="muted">Revoked</Badge>
        ),
    },
  ];
  return (
    <Card title="API keys" isFlush>
      <form
        className="flex flex-wrap items-end gap-2 border-b border-line p-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== '') create.mutate();
        }}
      >
        <TextField
          label="Name of a new key"
          className="min-w-48 flex-1"
          value={name}
          maxLength={100}
          placeholder="What it is for"
          onChange={(event) => setName(event.target.value)}
        />
        <Button type="submit" whyNot={name.trim() === '' ? 'Say what the key is for first.' : null} isBusy={create.isPending}>
          Make a key
        </Button>
      </form>
      <Table
        caption="API keys"
        columns={columns}
        rows={keys}
        rowKey={(key) => key.id}
        empty="No key yet. Programs use a key instead of your password; it can be revoked at any time."
      />
      {created && (
        <Dialog
          title="Your new key"
          onClose={() => setCreated(null)}
          actions={
            <Button kind="primary" onClick={() => setCreated(null)}>
              I have it
            </Button>
          }
        >
          <p className="mb-3">Copy it now: it is shown this once and stored only as a hash.</p>
          <TextField label="Key" readOnly value={created.key} onFocus={(event) => event.target.select()} className="font-mono" />
          <Note className="mt-3">Whoever has it can do what you can, except administration.</Note>
        </Dialog>
      )}
    </Card>
  );
}
