import { HttpResponse, http } from 'msw';
import { describe, expect, it } from 'vitest';

import { network } from '@/testing/setup';

import { api } from './client';
import { detailText } from './error';
import { session } from './session';
import { type Frame, frameParser } from './sse';

describe('errors are sentences', () => {
  it('a list of wrong fields names each field', () => {
    const detail = [
      { type: 'missing', loc: ['body', 'display_name'], msg: 'Field required', input: {} },
      { type: 'value', loc: ['query', 'limit'], msg: 'must be at most 200' },
    ];
    expect(detailText(detail)).toBe('Display name: Field required\nLimit: must be at most 200');
    expect(detailText('the plan is not a draft')).toBe('The plan is not a draft');
    expect(detailText(undefined)).toBeNull();
  });

  it('code and pause are kept', async () => {
    network.use(http.get('*/api/x', () => HttpResponse.json({ detail: 'slow down', code: 'rate_limited' }, { status: 429, headers: { 'Retry-After': '7' } })));
    await expect(api.get('/x')).rejects.toMatchObject({ message: 'Slow down', status: 429, code: 'rate_limited', retryAfterSeconds: 7 });
  });
});

describe('a session that has run out', () => {
  it('is refreshed once for all requests', async () => {
    session.set({ access_token: 'old', refresh_token: 'r1' });
    let refreshes = 0;
    network.use(
      http.post('*/api/auth/refresh', () => {
        refreshes += 1;
        return HttpResponse.json({ access_token: 'new', refresh_token: 'r2', token_type: 'bearer' });
      }),
      http.get('*/api/thing', ({ request }) =>
        request.headers.get('Authorization') === 'Bearer new' ? HttpResponse.json(1) : HttpResponse.json({ detail: 'expired' }, { status: 401 }),
      ),
    );
    expect(await Promise.all([api.get('/thing'), api.get('/thing'), api.get('/thing')])).toEqual([1, 1, 1]);
    expect(refreshes).toBe(1);
    expect(session.refresh()).toBe('r2');
  });

  it('ends when the refresh is refused, and survives a server that is down', async () => {
    session.set({ access_token: 'old', refresh_token: 'r1' });
    network.use(
      http.get('*/api/thing', () => HttpResponse.json({ detail: 'expired' }, { status: 401 })),
      http.post('*/api/auth/refresh', () => HttpResponse.json({}, { status: 503 }), { once: true }),
    );
    await expect(api.get('/thing')).rejects.toMatchObject({ status: 401 });
    expect(session.isSignedIn()).toBe(true);
    network.use(http.post('*/api/auth/refresh', () => HttpResponse.json({}, { status: 401 })));
    await expect(api.get('/thing')).rejects.toMatchObject({ status: 401 });
    expect(session.isSignedIn()).toBe(false);
  });
});

it('frames are read however the bytes are cut', () => {
  const stream = ': hello\n\nid: 7\nevent: task_start\ndata: {"a":1}\n\ndata: x\r\ndata: y\r\n\r\nevent: empty\n\n';
  for (const size of [1, 3, 1000]) {
    const frames: Frame[] = [];
    const parse = frameParser((frame) => frames.push(frame));
    for (let at = 0; at < stream.length; at += size) parse(stream.slice(at, at + size));
    expect(frames).toEqual([
      { event: 'task_start', data: '{"a":1}', id: '7' },
      { event: 'message', data: 'x\ny', id: null },
    ]);
  }
});
