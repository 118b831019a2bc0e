// What happened, newest first. Rows outside the view do not exist.
import { Link } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useRef } from 'react';

import type { ProjectEvent } from '@/api/types';
import { useStream } from '@/api/useStream';
import { eventTone } from '@/domain/event';
import { clockTime, fullTime } from '@/domain/time';
import { classes } from '@/lib/classes';
import { paths } from '@/paths';
import { TONE_FILL } from '@/ui/Badge';
import { EmptyState } from '@/ui/Feedback';

const ROW_PX = 46;

export function EventFeed({ projectId }: { projectId: string }) {
  const events = useDeferredValue(useStream(projectId, (stream) => stream.events));
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => keyOf(events[events.length - 1 - index], index),
    overscan: 6,
  });
  if (events.length === 0) {
    return <EmptyState title="Nothing has happened yet">Every change of this project appears here as it happens.</EmptyState>;
  }
  return (
    <div ref={scroller} tabIndex={0} role="region" aria-label="Events, newest first" className="h-80 overflow-y-auto">
      <ol className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const event = events[events.length - 1 - index];
          return (
            event && (
              <li
                key={key}
                className="absolute inset-x-0 top-0 border-b border-line px-4 py-1.5 text-sm"
                style={{ height: ROW_PX, transform: `translateY(${start}px)` }}
              >
                <EventRow event={event} projectId={projectId} />
              </li>
            )
          );
        })}
      </ol>
    </div>
  );
}

function keyOf(event: ProjectEvent | undefined, index: number): string | number {
  return event?.seq ?? `${event?.timestamp}-${index}`;
}

function EventRow({ event, projectId }: { event: ProjectEvent; projectId: string }) {
  return (
    <>
      <p className="flex items-center gap-2">
        <span aria-hidden className={classes('size-1.5 shrink-0 rounded-full', TONE_FILL[eventTone(event)])} />
        {event.task_id === null ? (
          <span className="truncate">{event.message}</span>
        ) : (
          <Link to={paths.task(projectId, event.task_id)} className="truncate underline-offset-2 hover:underline">
            {event.message}
          </Link>
        )}
      </p>
      <p className="flex justify-between gap-2 pl-3.5 text-xs text-text-3">
        <span className="truncate">{event.type.replaceAll('_', ' ')}</span>
        <time title={fullTime(event.timestamp)} className="shrink-0 tabular-nums">
          {clockTime(event.timestamp)}
        </time>
      </p>
    </>
  );
}
