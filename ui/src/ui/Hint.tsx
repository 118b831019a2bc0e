// A tooltip for one control, shown on hover and on focus and read out as its
// description.
import { Tooltip } from 'radix-ui';
import type { ReactElement } from 'react';

export function HintProvider({ children }: { children: React.ReactNode }) {
  return <Tooltip.Provider delayDuration={300}>{children}</Tooltip.Provider>;
}

export function Hint({ text, children }: { text: string; children: ReactElement }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content
          sideOffset={6}
          collisionPadding={8}
          className="animate-appear z-50 max-w-72 rounded-md bg-text px-2.5 py-1.5 text-sm text-page shadow-over"
        >
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
