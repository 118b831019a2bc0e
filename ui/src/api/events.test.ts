import { QueryClient } from '@tanstack/react-query';
import { expect, it, vi } from 'vitest';

import { mock } from '@/testing/mock';
import { signIn } from '@/testing/render';

import { ProjectStream } from './events';
import { tasksQuery } from './queries';
import type { Task } from './types';

it('events change the tasks on screen at once, each exactly once', async () => {
  signIn();
  const client = new QueryClient();
  const stream = new ProjectStream('prj_database', client);
  const tasks = await client.fetchQuery(tasksQuery('prj_database'));
  expect(tasks.find((task) => task.id === 'prj_database-x2')?.status).toBe('failed');
  const stop = stream.subscribe(() => undefined);
  await vi.waitFor(() => expect(stream.snapshot().connection).toBe('live'));
  await vi.waitFor(() => expect(stream.snapshot().events).toHaveLength(14));

  mock.world.emit('prj_database', 'task_start', 'again', { task_id: 'prj_database-x2' });
  mock.world.text('prj_database', 'prj_database-x2', 'Reading ');
  await vi.waitFor(() => {
    const now = client.getQueryData<Task[]>(['tasks', 'prj_database']);
    expect(now?.find((task) => task.id === 'prj_database-x2')?.status).toBe('running');
  });
  expect(stream.snapshot().texts['prj_database-x2']).toBe('Reading ');
  expect(stream.snapshot().events.map((event) => event.seq)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
  stop();
});
