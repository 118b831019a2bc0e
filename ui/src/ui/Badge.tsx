// A small label with a tone. Meaning is never carried by colour alone: badges of a
// state come with an icon and a word.
import type { ReactNode } from 'react';

import type { Tone } from '@/domain/task';
import { classes } from '@/lib/classes';

const TONES: Record<Tone, string> = {
  neutral: 'bg-sunken text-text-2',
  muted: 'bg-sunken text-text-3',
  info: 'bg-info-soft text-info',
  progress: 'bg-progress-soft text-progress',
  good: 'bg-good-soft text-good',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-bad-soft text-bad',
};

export const TONE_TEXT: Record<Tone, string> = {
  neutral: 'text-text-2',
  muted: 'text-text-3',
  info: 'text-info',
  progress: 'text-progress',
  good: 'text-good',
  warn: 'text-warn',
  bad: 'text-bad',
};

export const TONE_FILL: Record<Tone, string> = {
  neutral: 'bg-text-3',
  muted: 'bg-line-strong',
  info: 'bg-info',
  progress: 'bg-progress-fill',
  good: 'bg-good-fill',
  warn: 'bg-warn-fill',
  bad: 'bg-bad-fill',
};

interface BadgeProps {
  tone?: Tone;
  icon?: ReactNode;
  title?: string | undefined;
  children: ReactNode;
  className?: string;
}

export function Badge({ tone = 'neutral', icon, title, children, className }: BadgeProps) {
  return (
    <span
      title={title}
      className={classes(
        'inline-flex h-5 items-center gap-1 rounded px-1.5 text-xs font-medium whitespace-nowrap',
        TONES[tone],
        className,
      )}
    >
      {icon}
      {children}
    </span>
  );
}
