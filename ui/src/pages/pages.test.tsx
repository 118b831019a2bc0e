import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';

import { session } from '@/api/session';
import { mock } from '@/testing/mock';
import { showApp, signIn } from '@/testing/render';
import { World } from '@/testing/world';

describe('signing in', () => {
  it('leads the first visitor to the first account', async () => {
    mock.world = new World('fresh');
    showApp('/');
    expect(await screen.findByRole('button', { name: 'Create the administrator' })).toBeInTheDocument();
    expect(screen.getByText(/becomes the administrator/)).toBeInTheDocument();
  });

  it('says what is wrong, and returns to where one wanted to go', async () => {
    const user = userEvent.setup();
    showApp('/services');
    await user.type(await screen.findByLabelText('Email'), 'demo@example.com');
    await user.type(screen.getByLabelText('Password'), 'wrong-password');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('Invalid email or password');
    await user.clear(screen.getByLabelText('Password'));
    await user.type(screen.getByLabelText('Password'), 'demo-password');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByRole('heading', { name: 'Services' })).toBeInTheDocument();
    expect(session.isSignedIn()).toBe(true);
  });
});

describe('pages', () => {
  it('projects can be searched', async () => {
    signIn();
    const user = userEvent.setup();
    showApp('/');
    expect(await screen.findByRole('link', { name: 'Hello, world' })).toBeInTheDocument();
    await user.type(screen.getByLabelText('Search projects'), 'tablets');
    expect(await screen.findByRole('link', { name: 'Which database for a field application?' })).toBeInTheDocument();
    expect(screen.queryByRole('link', { name: 'Hello, world' })).not.toBeInTheDocument();
  });

  it('a button that cannot be pressed says why', async () => {
    signIn();
    const user = userEvent.setup();
    showApp('/new');
    const button = await screen.findByRole('button', { name: 'Create and plan' });
    expect(button).toHaveAccessibleDescription('Give the project a name first.');
    await user.type(screen.getByLabelText('Name'), 'Greeter');
    await user.type(screen.getByLabelText('Requirements'), '- one{enter}- two');
    expect(await screen.findByText('2 requirements')).toBeInTheDocument();
    expect(button).not.toHaveAttribute('aria-disabled');
  });

  it('approval says exactly what is approved', async () => {
    signIn();
    const user = userEvent.setup();
    showApp('/project/prj_handbook');
    await user.click(await screen.findByRole('button', { name: 'Approve version 2' }));
    const dialog = await screen.findByRole('dialog');
    expect(within(dialog).getByText('9 tasks in 5 waves')).toBeInTheDocument();
    expect(within(dialog).getByText('8 of 9 served')).toBeInTheDocument();
    expect(within(dialog).getByText(/No task serves R6/)).toBeInTheDocument();
    expect(within(dialog).getByText('$5.00')).toBeInTheDocument();
    await user.click(within(dialog).getByRole('button', { name: 'Approve only' }));
    expect(await screen.findByRole('button', { name: 'Start' })).toBeInTheDocument();
    expect(mock.world.tasksOf('prj_handbook')).toHaveLength(9);
  });

  it('a checkpoint is answered in the inbox', async () => {
    signIn();
    const user = userEvent.setup();
    showApp('/inbox');
    const question = await screen.findByRole('article', { name: 'Study PowerSync' });
    expect(await within(question).findByText(/8 tasks cannot start/)).toBeInTheDocument();
    await user.type(within(question).getByLabelText('Guidance for the next attempt'), 'Name the source.');
    await user.click(within(question).getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('article', { name: /Version 2/ })).toBeInTheDocument();
    expect(mock.world.checkpoints[0]?.response).toBe('retry: Name the source.');
  });

  it('usage is shown to people who are not administrators', async () => {
    signIn('ada@example.com');
    showApp('/usage');
    expect(await screen.findByText(/shown to administrators/)).toBeInTheDocument();
    expect(screen.getByRole('table', { name: 'Usage by project' })).toBeInTheDocument();
  });

  it('administration is refused to others in words', async () => {
    signIn('ada@example.com');
    showApp('/admin');
    expect(await screen.findByText('This is not for you to see')).toBeInTheDocument();
  });

  it('output is rendered without asking other servers', async () => {
    const id = 'prj_hello-t0';
    mock.world.setTask(id, { output_text: '![x](https://example.com/track.png) <script>alert(1)</script> **bold**' });
    signIn();
    showApp(`/project/prj_hello/task/${id}`);
    expect(await screen.findByText('bold')).toBeInTheDocument();
    expect(document.querySelector('.prose img, .prose script')).toBeNull();
  });

  it('an unknown address leads home', async () => {
    showApp('/nowhere');
    expect(await screen.findByRole('heading', { name: 'There is no such page' })).toBeInTheDocument();
  });
});
