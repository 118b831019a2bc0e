// A tooltip for one control, shown on hover and on focus and read out as its
// description. On the browser's popover layer, so that it is seen above dialogs too.
import { cloneElement, type ReactElement, useId, useRef } from 'react';

const DELAY_MS = 250;
const GAP_PX = 6;
const EDGE_PX = 8;

interface Described {
  'aria-describedby'?: string;
}

/**
 * Without text it is only a frame, so that a control keeps its place, and the focus, when
 * a reason comes or goes. `isName`: the text is the control's name already, so it is not read out twice.
 */
export function Hint({ text, isName = false, children }: { text: string | null; isName?: boolean; children: ReactElement<Described> }) {
  const id = useId();
  const bubble = useRef<HTMLSpanElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const show = (anchor: HTMLElement) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const element = bubble.current;
      // jsdom has no popovers.
      if (!element?.isConnected || !('showPopover' in element)) return;
      element.showPopover();
      place(element, anchor.firstElementChild ?? anchor);
    }, DELAY_MS);
  };
  const hide = () => {
    clearTimeout(timer.current);
    if (bubble.current?.matches(':popover-open')) bubble.current.hidePopover();
  };
  return (
    <span
      className="contents"
      onPointerEnter={(event) => show(event.currentTarget)}
      onPointerLeave={hide}
      onFocus={(event) => show(event.currentTarget)}
      onBlur={hide}
      onKeyDown={(event) => event.key === 'Escape' && hide()}
    >
      {isName || text === null ? children : cloneElement(children, { 'aria-describedby': id })}
      {text !== null && (
      <span
        ref={bubble}
        id={id}
        role="tooltip"
        popover="manual"
        className="pointer-events-none fixed m-0 w-max max-w-72 rounded-md border-0 bg-text px-2.5 py-1.5 text-left text-sm font-normal whitespace-normal text-page shadow-over"
      >
        {text}
      </span>
      )}
    </span>
  );
}

function place(bubble: HTMLElement, anchor: Element): void {
  const [at, own] = [anchor.getBoundingClientRect(), bubble.getBoundingClientRect()];
  const above = at.top - own.height - GAP_PX;
  const left = at.left + (at.width - own.width) / 2;
  bubble.style.top = `${above > EDGE_PX ? above : at.bottom + GAP_PX}px`;
  bubble.style.left = `${Math.max(EDGE_PX, Math.min(left, window.innerWidth - own.width - EDGE_PX))}px`;
}
