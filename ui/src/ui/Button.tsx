// Buttons. One that cannot be pressed stays focusable and says why: `whyNot` is
// shown as a tooltip and read out by screen readers.
import { LoaderCircle } from 'lucide-react';
import type { ButtonHTMLAttributes, MouseEvent, ReactNode } from 'react';

import { classes } from '@/lib/classes';

import { Hint } from './Hint';

export type ButtonKind = 'primary' | 'plain' | 'quiet' | 'danger';

const KINDS: Record<ButtonKind, string> = {
  primary: 'bg-accent-fill text-on-accent hover:bg-accent-hover border-transparent shadow-card',
  plain: 'bg-surface text-text border-line-strong hover:bg-hover shadow-card',
  quiet: 'bg-transparent text-text-2 border-transparent hover:bg-hover hover:text-text',
  danger: 'bg-surface text-bad border-line-strong hover:bg-bad-soft hover:border-bad shadow-card',
};

const SIZES = {
  sm: 'h-7 px-2.5 text-sm gap-1.5',
  md: 'h-8 px-3 text-base gap-1.5',
  lg: 'h-10 px-4 text-base gap-2',
};

const MUTED = 'bg-sunken text-text-3 border-line cursor-not-allowed';

export function buttonClass(kind: ButtonKind = 'plain', size: keyof typeof SIZES = 'md', isOff = false): string {
  return classes(
    'inline-flex shrink-0 items-center justify-center rounded-md border font-medium whitespace-nowrap select-none transition-colors',
    SIZES[size],
    isOff ? MUTED : KINDS[kind],
  );
}

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'disabled'> {
  kind?: ButtonKind;
  size?: keyof typeof SIZES;
  icon?: ReactNode;
  isBusy?: boolean;
  /** Why it cannot be pressed now; `null` when it can. */
  whyNot?: string | null | undefined;
}

export function Button({
  kind = 'plain',
  size = 'md',
  icon,
  isBusy = false,
  whyNot = null,
  className,
  children,
  onClick,
  type = 'button',
  ...rest
}: ButtonProps) {
  const isOff = isBusy || whyNot !== null;
  const press = (event: MouseEvent<HTMLButtonElement>) => {
    if (isOff) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <Hint text={whyNot}>
    <button
      {...rest}
      type={type}
      aria-disabled={isOff || undefined}
      aria-busy={isBusy || undefined}
      onClick={press}
      className={classes(buttonClass(kind, size, whyNot !== null), className)}
    >
      {isBusy ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : icon}
      {children}
    </button>
    </Hint>
  );
}

interface IconButtonProps extends Omit<ButtonProps, 'children' | 'icon'> {
  label: string;
  icon: ReactNode;
}

/** A button that is only a picture; its name is the tooltip. */
export function IconButton({ label, icon, kind = 'quiet', className, whyNot = null, ...rest }: IconButtonProps) {
  return (
    <Hint text={whyNot ?? label} isName={whyNot === null}>
      <button
        {...rest}
        type="button"
        aria-label={label}
        aria-disabled={whyNot !== null || undefined}
        onClick={whyNot === null ? rest.onClick : undefined}
        className={classes(buttonClass(kind, 'md', whyNot !== null), 'w-8 !px-0', className)}
      >
        {icon}
      </button>
    </Hint>
  );
}
