// A modal on the browser's own <dialog>: focus stays inside, Escape closes, what lies
// behind is inert. Libraries for this inject <style> tags, which the policy forbids.
import { X } from 'lucide-react';
import { type ReactNode, useId } from 'react';

import { classes } from '@/lib/classes';

import { IconButton } from './Button';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Buttons at the bottom right. */
  actions?: ReactNode;
  size?: 'sm' | 'md' | 'lg';
}

const SIZES = { sm: 'max-w-md', md: 'max-w-xl', lg: 'max-w-3xl' };

function open(dialog: HTMLDialogElement | null): void {
  if (dialog && !dialog.open) dialog.showModal();
}

/** Rendered means open. */
export function Dialog({ title, onClose, children, actions, size = 'md' }: DialogProps) {
  const id = useId();
  return (
    <dialog
      ref={open}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
      className={classes(
        'animate-appear m-auto w-[calc(100vw-2rem)] rounded-lg border border-line bg-surface p-0 shadow-over',
        SIZES[size],
      )}
    >
      <div className="flex max-h-[85dvh] flex-col">
        <header className="flex items-center justify-between gap-4 border-b border-line py-2 pr-2 pl-5">
          <h2 id={id} className="text-lg font-semibold">
            {title}
          </h2>
          <IconButton label="Close" icon={<X aria-hidden className="size-4" />} onClick={onClose} />
        </header>
        <div className="min-h-0 overflow-y-auto px-5 py-4">{children}</div>
        {actions !== undefined && (
          <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">{actions}</footer>
        )}
      </div>
    </dialog>
  );
}
