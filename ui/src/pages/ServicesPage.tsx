import { useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { CircleCheck, CircleDashed, CircleX, RefreshCw, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

import { api } from '@/api/client';
import { servicesQuery } from '@/api/queries';
import type { Service, ServiceState } from '@/api/types';
import { useAction } from '@/api/useAction';
import type { Tone } from '@/domain/task';
import { Badge } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Facts } from '@/ui/Card';
import { EmptyState } from '@/ui/Feedback';
import { Page } from '@/ui/Page';

const STATES: Record<ServiceState, { label: string; tone: Tone; icon: ReactNode }> = {
  online: { label: 'Online', tone: 'good', icon: <CircleCheck aria-hidden className="size-3" /> },
  offline: { label: 'Offline', tone: 'bad', icon: <CircleX aria-hidden className="size-3" /> },
  degraded: { label: 'Degraded', tone: 'warn', icon: <TriangleAlert aria-hidden className="size-3" /> },
  checking: { label: 'Not checked yet', tone: 'neutral', icon: <CircleDashed aria-hidden className="size-3" /> },
};

const CATEGORIES: Record<Service['category'], string> = { api: 'Remote models', ai: 'Local models and tools', cli: 'Programs' };
const METHODS: Record<string, string> = { http: 'HTTP request', tcp: 'TCP connection', api_key: 'API key present', cli: 'program found' };

export default function ServicesPage() {
  const services = useSuspenseQuery(servicesQuery()).data;
  const client = useQueryClient();
  const check = useAction({
    send: () => api.get<Service[]>('/services', { refresh: true }),
    onDone: (found) => client.setQueryData(servicesQuery().queryKey, found),
  });
  return (
    <Page
      title="Services"
      intro="What the engine needs from outside. Tasks that need a service that is down wait for it, and say so."
      actions={
        <Button icon={<RefreshCw aria-hidden className="size-4" />} isBusy={check.isPending} onClick={() => check.mutate()}>
          Check now
        </Button>
      }
    >
      {services.length === 0 && (
        <div className="card">
          <EmptyState title="No service is configured">
            Without one, only the simulated model works. Providers and hosts are set in the server’s configuration.
          </EmptyState>
        </div>
      )}
      <div className="space-y-6">
        {Object.entries(CATEGORIES).map(([category, name]) => {
          const found = services.filter((service) => service.category === category);
          if (found.length === 0) return null;
          return (
            <section key={category} aria-label={name}>
              <h2 className="mb-2 text-sm font-semibold text-text-2">{name}</h2>
              <ul className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
                {found.map((service) => (
                  <li key={service.id} className="card p-4">
                    <ServiceCard service={service} />
                  </li>
                ))}
              </ul>
            </section>
          );
        })}
      </div>
    </Page>
  );
}

function ServiceCard({ service }: { service: Service }) {
  const state = STATES[service.status];
  const details = Object.entries(service.details);
  return (
    <>
      <div className="flex items-start justify-between gap-3">
        <div className="min-w-0">
          <h3 className="font-semibold">{service.name}</h3>
          <p className="text-sm text-text-3">Checked by {METHODS[service.method] ?? (service.method || 'nothing')}</p>
        </div>
        <Badge tone={state.tone} icon={state.icon}>
          {state.label}
        </Badge>
      </div>
      {details.length > 0 && (
        <div className="mt-3 border-t border-line pt-3">
          <Facts facts={details.map(([key, value]) => [key.replaceAll('_', ' '), detail(value)] as const)} />
        </div>
      )}
    </>
  );
}

function detail(value: unknown): string {
  if (Array.isArray(value)) return value.map(detail).join(', ') || '–';
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value ?? '–');
}
