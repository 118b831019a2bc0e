import { useQuery } from '@tanstack/react-query';

import { api } from '@/api/client';
import { adminStatsQuery, adminUsersQuery } from '@/api/queries';
import type { AdminStats, AdminUser } from '@/api/types';
import { useAction } from '@/api/useAction';
import { useMe } from '@/api/useMe';
import { count, money, percent } from '@/domain/money';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card, Stat } from '@/ui/Card';
import { Skeleton } from '@/ui/Feedback';
import { Page } from '@/ui/Page';
import { ShareList } from '@/ui/ShareList';
import { type Column, Table } from '@/ui/Table';
import { Time } from '@/ui/Time';

import { NotAllowed } from './ErrorPages';

export default function AdminPage() {
  const me = useMe();
  if (me.role !== 'admin') return <NotAllowed />;
  return <Admin myId={me.id} />;
}

function Admin({ myId }: { myId: string }) {
  const stats = useQuery(adminStatsQuery()).data;
  const users = useQuery(adminUsersQuery()).data;
  return (
    <Page title="Admin" intro="Who may work here, and what is done.">
      <div className="space-y-4">
        {stats ? <Stats stats={stats} /> : <Skeleton className="h-20" />}
        <Card title="Users" isFlush>
          {users ? <Users users={users} myId={myId} /> : <Skeleton className="m-4 h-40" />}
        </Card>
        {stats && (
          <div className="grid items-start gap-4 lg:grid-cols-3">
            <Counts title="Projects by state" counts={stats.projects_by_status} />
            <Counts title="Tasks by state" counts={stats.tasks_by_status} />
            <Card title="Spent by model" isFlush>
              <ShareList
                empty="Nothing was spent yet."
                rows={Object.entries(stats.spend_by_model)
                  .sort(([, a], [, b]) => b - a)
                  .map(([name, value]) => ({ name, value, text: money(value) }))}
              />
            </Card>
          </div>
        )}
      </div>
    </Page>
  );
}

function Stats({ stats }: { stats: AdminStats }) {
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-5">
      <Stat label="Users" value={count(stats.total_users)} note={`${count(stats.active_users)} active`} />
      <Stat label="Projects" value={count(stats.total_projects)} />
      <Stat label="Tasks" value={count(stats.total_tasks)} />
      <Stat label="Spent" value={money(stats.total_spend_usd)} />
      <Stat label="Completed" value={percent(stats.task_completion_rate, 1)} note="of tasks that ended" />
    </dl>
  );
}

function Counts({ title, counts }: { title: string; counts: Record<string, number> }) {
  return (
    <Card title={title} isFlush>
      <ShareList
        empty="None yet."
        rows={Object.entries(counts)
          .sort(([, a], [, b]) => b - a)
          .map(([name, value]) => ({ name: name.replaceAll('_', ' '), value, text: count(value) }))}
      />
    </Card>
  );
}

function Users({ users, myId }: { users: readonly AdminUser[]; myId: string }) {
  const change = useAction({
    send: ({ id, patch }: { id: string; patch: { role?: string; is_active?: boolean } }) => api.patch(`/admin/users/${id}`, patch),
    stale: [['admin-users'], ['admin-stats']],
    done: 'Saved.',
  });
  const own = 'You cannot change your own role or deactivate yourself.';
  const columns: Column<AdminUser>[] = [
    {
      name: 'User',
      className: 'min-w-44',
      cell: (user) => (
        <>
          <span className="font-medium">{user.display_name}</span>
          <span className="block text-text-3">{user.email}</span>
        </>
      ),
    },
    { name: 'Role', cell: (user) => <Badge tone={user.role === 'admin' ? 'info' : 'neutral'}>{user.role}</Badge> },
    { name: 'State', cell: (user) => <Badge tone={user.is_active ? 'good' : 'muted'}>{user.is_active ? 'Active' : 'Deactivated'}</Badge> },
    { name: 'Projects', isNumber: true, cell: (user) => count(user.project_count) },
    { name: 'Last sign-in', className: 'whitespace-nowrap', cell: (user) => (user.last_login_at === null ? 'never' : <Time at={user.last_login_at} />) },
    {
      name: 'Change',
      cell: (user) => {
        const whyNot = user.id === myId ? own : null;
        return (
          <span className="flex gap-2">
            <Button
              size="sm"
              whyNot={whyNot}
              aria-label={user.role === 'admin' ? `Make ${user.display_name} a user` : `Make ${user.display_name} an administrator`}
              onClick={() => change.mutate({ id: user.id, patch: { role: user.role === 'admin' ? 'user' : 'admin' } })}
            >
              {user.role === 'admin' ? 'Make user' : 'Make admin'}
            </Button>
            <Button
              size="sm"
              kind="danger"
              whyNot={whyNot}
              aria-label={`${user.is_active ? 'Deactivate' : 'Activate'} ${user.display_name}`}
              onClick={() => change.mutate({ id: user.id, patch: { is_active: !user.is_active } })}
            >
              {user.is_active ? 'Deactivate' : 'Activate'}
            </Button>
          </span>
        );
      },
    },
  ];
  return <Table caption="Users" columns={columns} rows={users} rowKey={(user) => user.id} />;
}
